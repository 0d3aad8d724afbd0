"""The service `mail`: every mail can be read, and leaves where a setting says how."""

from __future__ import annotations

import email.encoders
import email.message
import email.utils
import itertools
import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.errors import MessageError
from pathlib import Path
from typing import Any, Final

from channelshim.contracts.clock import Clock
from channelshim.contracts.mails import Envelope, Mails
from channelshim.errors import StorageError

MAILS_KEPT: Final = 100
"""Mails that the development server keeps to be read."""

LONGEST_LINE: Final = 998
"""Of a mail, in bytes. Source: RFC 5322, 2.1.1."""

_FOLD: Final = re.compile(r"\r?\n[ \t]+")
"""A header's value may be written in several lines (RFC 5322, 2.2.3)."""

_LINE_BREAK: Final = re.compile(r"[\r\n\0\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
"""What str.splitlines, and with it the standard library, takes for a line's end."""

_ADDRESS: Final = re.compile(
    r"[^\s()<>\[\],;:\\\"@\x00-\x1f\x7f]{1,200}@[^\s()<>,;:\\\"@\x00-\x1f\x7f]{1,255}"
)
"""What goes to a mail server: nothing that could end a command or be a second one."""

_logger: Final = logging.getLogger("channelshim.services")


@dataclass(frozen=True, slots=True)
class Outbox:
    """Where the app's mails go in the place of files.

    Attributes:
        mails: the store's.
        clock: says now.
        is_sent: whether they are to leave; else they are kept.
        admins: addresses that send_mail_to_admins writes to.
        on_added: called after a mail that is to leave was stored.
    """

    mails: Mails
    clock: Clock
    is_sent: bool = False
    admins: Sequence[str] = ()
    on_added: Callable[[], None] = lambda: None


def make_mail_service(folder: Path, outbox: Outbox | None = None) -> Any:
    """Return the stub for the service `mail`.

    Args:
        folder: each mail is written there as a file that mail programs open, the last
            MAILS_KEPT of them.
        outbox: where they go instead; None for the folder.
    """
    from google.appengine.api import mail, mail_stub

    class MailService(mail_stub.MailServiceStub):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._numbers = itertools.count(_last_number(folder) + 1)
            self._writing = threading.Lock()
            self._cached_messages: Any = []

        def _Dynamic_Send(
            self, request: Any, response: Any, log: Any = None, **_: object
        ) -> None:
            # Google's says how to switch sendmail on, or sends while the app waits.
            request = _checked(request)
            self._ValidateExtensions(request)
            mime = mail.mail_message_to_mime_message(request)
            message = self._email_message_from_mime_message(mime, request)
            recipients = [*request.To, *request.Cc, *request.Bcc]
            self._take(message, mime, request, recipients)
            self._GenerateLog("Send", request, log or self._log_fn)

        def _Dynamic_SendToAdmins(
            self, request: Any, response: Any, log: Any = None, **_: object
        ) -> None:
            request = _checked(request)
            self._ValidateExtensions(request)
            mime = mail.mail_message_to_mime_message(request)
            message = mail.AdminEmailMessage(mime_message=mime)
            admins = () if outbox is None else outbox.admins
            if admins:
                mime["To"] = ", ".join(admins)
            elif outbox is not None and outbox.is_sent:
                _logger.warning(
                    "a mail to the administrators is kept and not sent: --admins names "
                    "none"
                )
            self._take(message, mime, request, admins)
            self._GenerateLog("SendToAdmins", request, log or self._log_fn)

        def _take(
            self, message: Any, mime: Any, request: Any, recipients: Sequence[str]
        ) -> None:
            """Store a mail, and show it to whoever asks this stub."""
            data = _bytes_of(message)
            envelope = None
            if outbox is not None and outbox.is_sent and recipients:
                envelope = _envelope(request.Sender, recipients)
                _encode_names(mime, request)
                data = _wire_bytes(mime, envelope.sender, outbox.clock.time())
            with self._writing:
                if outbox is None:
                    _write_mail(folder, next(self._numbers), data)
                elif envelope is None:
                    _keep_mail(outbox, data)
                else:
                    _send_mail(outbox, data, envelope)
                kept = deque([*self._cached_messages, message], MAILS_KEPT)
                self._cached_messages = list(kept)

    return MailService()


def _checked(request: Any) -> Any:
    """Return a copy of a mail whose headers are one line each.

    Raises:
        ApplicationError: one would begin a line of its own.
    """
    copy = type(request)()
    copy.CopyFrom(request)
    for header in copy.Header:
        header.value = _FOLD.sub(" ", header.value)
    texts = [
        *(copy.Sender, copy.ReplyTo, copy.Subject, *copy.To, *copy.Cc, *copy.Bcc),
        *(text for header in copy.Header for text in (header.name, header.value)),
        *(text for each in copy.Attachment for text in (each.FileName, each.ContentID)),
    ]
    for text in texts:
        if _LINE_BREAK.search(text):
            raise _bad_request(f"a header of a mail cannot have a line break: {text!r}")
    return copy


def _envelope(sender: str, recipients: Sequence[str]) -> Envelope:
    """Return whom a mail is from and for.

    Raises:
        ApplicationError: what stands there is not an address.
    """
    (first, *more) = _addresses([sender])
    if more:
        raise _bad_request(f"a mail has one sender, not {sender!r}")
    # Each once, in their order.
    return Envelope(first, tuple(dict.fromkeys(_addresses(recipients))))


def _addresses(texts: Sequence[str]) -> list[str]:
    found = []
    for text in texts:
        for _, address in email.utils.getaddresses([text]):
            if not _ADDRESS.fullmatch(address):
                raise _bad_request(f"{text!r} is not an address that mail can go to")
            found.append(address)
    return found


def _encode_names(mime: Any, request: Any) -> None:
    """Have the addresses of headers be read by mail servers.

    Google's SDK encodes a header that is not ASCII as a whole, address included; only
    the name may be (RFC 2047, 5).
    """
    headers = {
        "From": [request.Sender],
        "To": list(request.To),
        "Cc": list(request.Cc),
        "Reply-To": [request.ReplyTo],
    }
    for header, texts in headers.items():
        pairs = email.utils.getaddresses(texts)
        # Of an address that is not ASCII itself a server must know SMTPUTF8.
        is_known = all(address.isascii() for _, address in pairs)
        if is_known and not all(text.isascii() for text in texts):
            del mime[header]
            mime[header] = ", ".join(map(email.utils.formataddr, pairs))


def _wire_bytes(mime: Any, sender: str, now: float) -> bytes:
    """Return a mail as it goes over the wire, for every try the same (RFC 5322)."""
    # Who gets a blind copy is nobody else's business.
    del mime["Bcc"]
    if "Date" not in mime:
        mime["Date"] = email.utils.formatdate(now)
    if "Message-ID" not in mime:
        # By which a receiver knows a mail that comes twice.
        domain = sender.rpartition("@")[2].encode("ascii", "ignore").decode("ascii")
        mime["Message-ID"] = email.utils.make_msgid(domain=domain or "localhost")
    for part in mime.walk():
        is_file = part.get_content_disposition() == "attachment"
        if is_file and "Content-Transfer-Encoding" not in part:
            # Any bytes; a mail server may change line ends.
            email.encoders.encode_base64(part)
        elif not part.is_multipart() and _has_long_line(part.get_payload()):
            data = part.get_payload(decode=True)
            del part["Content-Transfer-Encoding"]
            part.set_payload(data)
            email.encoders.encode_base64(part)
    whole: bytes = mime.as_bytes(policy=mime.policy.clone(linesep="\r\n"))
    return whole


def _has_long_line(text: str) -> bool:
    return any(len(line) > LONGEST_LINE for line in text.splitlines())


def _send_mail(outbox: Outbox, data: bytes, envelope: Envelope) -> None:
    """Store a mail that is to leave; the app is told when that cannot be."""
    from google.appengine.api import mail_service_pb2
    from google.appengine.runtime import apiproxy_errors

    try:
        number = outbox.mails.add(data, outbox.clock.time(), envelope)
    except StorageError as error:
        code = mail_service_pb2.MailServiceError.INTERNAL_ERROR
        raise apiproxy_errors.ApplicationError(code, str(error)) from error
    _logger.info("mail %d waits to be sent", number)
    outbox.on_added()


def _keep_mail(outbox: Outbox, data: bytes) -> None:
    try:
        number = outbox.mails.add(data, outbox.clock.time())
    except StorageError as error:
        _logger.warning("a mail could not be kept: %s", error)
    else:
        _logger.info("a mail was not sent but kept in the store as number %d", number)


def _last_number(folder: Path) -> int:
    names = [path.stem for path in folder.glob("*.eml")]
    return max((int(name) for name in names if name.isdigit()), default=0)


def _bytes_of(message: Any) -> bytes:
    """Return a mail as it would be sent.

    Raises:
        ApplicationError: it cannot be, as with a line break in its subject.
    """
    try:
        data: bytes = message.to_mime_message().as_bytes()
    except (MessageError, ValueError) as error:
        raise _bad_request(str(error)) from error
    return data


def _bad_request(sentence: str) -> Exception:
    from google.appengine.api import mail_service_pb2
    from google.appengine.runtime import apiproxy_errors

    code = mail_service_pb2.MailServiceError.BAD_REQUEST
    error: Exception = apiproxy_errors.ApplicationError(code, sentence)
    return error


def _write_mail(folder: Path, number: int, data: bytes) -> None:
    path = folder / f"{number:06d}.eml"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(data)
        (folder / f"{number - MAILS_KEPT:06d}.eml").unlink(missing_ok=True)
    except OSError as error:
        _logger.warning("a mail could not be kept: %s", error)
    else:
        _logger.info("a mail was not sent but kept as %s", path)
