"""The mails that the app has sent: read from where the mail service keeps them.

A mail holds whatever its sender put there, who may be anybody who has filled a form of
the app in. Its HTML is for a sandbox alone: see `html_of`.
"""

from __future__ import annotations

import base64
import contextlib
import email
import email.message
import email.policy
import email.utils
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.errors import MessageError
from email.message import EmailMessage
from typing import Final

from channelshim.contracts.mails import MailFacts
from channelshim.services.admin.mail_boxes import Box
from channelshim.services.admin.texts import clean, shorten

MOST_PARTS: Final = 200
MOST_BYTES: Final = 40 << 20
"""Of a mail that is read: App Engine sent 31.5 MB at most."""

LISTED_BYTES: Final = 256 << 10
"""Of each mail in a list: its headers, and those of the parts that begin there."""

MOST_INLINE_BYTES: Final = 2 << 20
"""Of an image that a mail's HTML shows."""

MOST_INLINED_BYTES: Final = 20 << 20
"""Of all images of a mail's HTML together, each as often as it is shown."""

LONGEST_TEXT: Final = 200_000

_CID: Final = re.compile(rb"""(?<=["'(=])cid:([^"'()<>\s]{1,300})""")
_INLINE_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_ERRORS: Final = (MessageError, LookupError, ValueError, TypeError, AttributeError)
"""What the standard library raises for the headers and bodies of a strange mail."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A mail in a list.

    Attributes:
        number: in its box.
        sender, to, subject, date: its headers.
        sent_at: Unix seconds at which the app sent it.
        size: bytes.
        has_attachments: whether it has any.
        state: a MailState's value.
        tries: how often it was tried to send it.
        due_at: Unix seconds of its next try, while it waits.
        reason: why it was not sent, or not to everybody; "" for nothing.
    """

    number: int
    sender: str
    to: str
    subject: str
    date: str
    sent_at: float
    size: int
    has_attachments: bool
    state: str
    tries: int
    due_at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a mail.

    Attributes:
        number: among the mail's parts.
        filename: as the mail says.
        content_type: as the mail says.
        size: bytes.
    """

    number: int
    filename: str
    content_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to look at.

    Attributes:
        summary: as in the list.
        headers: all of them, in order.
        text: its text; "" for none.
        has_html: whether html_of has something.
        attachments: its files.
    """

    summary: Summary
    headers: Sequence[tuple[str, str]]
    text: str
    has_html: bool
    attachments: Sequence[Attachment]


def listed(box: Box) -> Iterator[Summary]:
    """Yield the mails, latest first."""
    for facts in box.facts():
        data = box.read(facts.number, LISTED_BYTES)
        if data is not None:
            yield _summary(facts, _parsed(data))


def count(box: Box) -> int:
    """Return how many mails there are."""
    return len(box.facts())


def find(box: Box, number: int) -> Mail | None:
    """Return a mail, or None."""
    facts = box.find(number)
    message = _message(box, number)
    if message is None or facts is None:
        return None
    attachments = [
        Attachment(
            place,
            _filename(part, place),
            clean(part.get_content_type()),
            len(_payload(part)),
        )
        for place, part in _parts(message)
        if _is_attachment(part)
    ]
    text = _body(message, "plain")
    return Mail(
        _summary(facts, message),
        [(clean(name), _header(value)) for name, value in _raw_headers(message)],
        shorten(text, LONGEST_TEXT),
        _body_part(message, "html") is not None,
        attachments,
    )


def html_of(box: Box, number: int) -> bytes | None:
    """Return a mail's HTML with its own images in it, as UTF-8; None for none.

    Nothing is taken out: whoever shows it must keep scripts, forms and everything
    remote from working (a sandbox, and a Content-Security-Policy).
    """
    message = _message(box, number)
    if message is None or _body_part(message, "html") is None:
        return None
    html = _body(message, "html").encode("utf-8", "replace")
    images = {}
    for _, part in _parts(message):
        cid = _header(part.get("Content-ID", "")).strip("<> ")
        kind = part.get_content_type()
        data = _payload(part)
        if cid and kind in _INLINE_TYPES and len(data) <= MOST_INLINE_BYTES:
            encoded = base64.b64encode(data)
            images[cid.encode("utf-8", "replace")] = (
                f"data:{kind};base64,".encode("ascii") + encoded
            )
    room = MOST_INLINED_BYTES

    def image(match: re.Match[bytes]) -> bytes:
        nonlocal room
        found = images.get(match[1], match[0])
        room -= len(found)
        return found if room >= 0 else match[0]

    return _CID.sub(image, html)


def attachment_of(box: Box, number: int, part: int) -> tuple[str, bytes] | None:
    """Return filename and bytes of an attachment, or None."""
    message = _message(box, number)
    if message is None:
        return None
    for place, each in _parts(message):
        if place == part and _is_attachment(each):
            return _filename(each, place), _payload(each)
    return None


@dataclass(frozen=True, slots=True)
class Upload:
    """A file for a mail: its name, its type as the browser says, its bytes."""

    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to be sent to the app."""

    sender: str
    to: str
    cc: str = ""
    subject: str = ""
    text: str = ""
    html: str = ""
    files: tuple[Upload, ...] = ()


def write(letter: Letter) -> bytes:
    """Return a mail as it comes from outside (RFC 5322).

    Raises:
        ValueError: a header has a line break, or an address is none.
    """
    message = EmailMessage(policy=email.policy.SMTP)
    for name, value in (
        ("From", letter.sender),
        ("To", letter.to),
        ("Cc", letter.cc),
        ("Subject", letter.subject),
    ):
        if value:
            try:
                message[name] = value
            except Exception as error:
                # The standard library's parser of addresses raises what it likes.
                raise ValueError(f"{name}: {error}") from error
    message["Date"] = email.utils.localtime()
    message["Message-ID"] = email.utils.make_msgid(domain="localhost")
    message.set_content(letter.text)
    if letter.html:
        message.add_alternative(letter.html, subtype="html")
    for each in letter.files:
        kind, _, sub = each.content_type.partition("/")
        if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", each.content_type, re.ASCII):
            kind, sub = "application", "octet-stream"
        if kind in ("message", "multipart"):
            kind, sub = "application", "octet-stream"
        message.add_attachment(
            each.data, maintype=kind, subtype=sub, filename=clean(each.filename)
        )
    return message.as_bytes()


# --- Reading what anybody may have written --------------------------------------------


def _parsed(data: bytes) -> email.message.Message:
    # The old policy: it reads anything, and decodes nothing before it is asked.
    return email.message_from_bytes(data, policy=email.policy.compat32)


def _message(box: Box, number: int) -> email.message.Message | None:
    data = box.read(number, MOST_BYTES)
    return None if data is None else _parsed(data)


def _summary(facts: MailFacts, message: email.message.Message) -> Summary:
    reasons = filter(None, [facts.refused, facts.trouble])
    return Summary(
        facts.number,
        _header(message.get("From", "")),
        _header(message.get("To", "")),
        _header(message.get("Subject", "")),
        _header(message.get("Date", "")),
        facts.added_at,
        facts.size,
        any(_is_attachment(part) for _, part in _parts(message)),
        facts.state.value,
        facts.tries,
        facts.due_at,
        shorten(clean("; ".join(reasons)), 2000),
    )


def _raw_headers(message: email.message.Message) -> Sequence[tuple[str, object]]:
    return list(message.items())[:MOST_PARTS]


def _header(value: object) -> str:
    """Return a header's text, its encoded words read."""
    text = str(value)
    with contextlib.suppress(*_ERRORS):
        from email.header import decode_header, make_header

        text = str(make_header(decode_header(text)))
    return shorten(" ".join(clean(text).split()), 2000)


def _parts(
    message: email.message.Message,
) -> Iterator[tuple[int, email.message.Message]]:
    for place, part in enumerate(message.walk()):
        if place >= MOST_PARTS:
            return
        if not part.is_multipart():
            yield place, part


def _is_attachment(part: email.message.Message) -> bool:
    with contextlib.suppress(*_ERRORS):
        if part.get_content_disposition() == "attachment" or part.get_filename():
            return True
    return part.get_content_maintype() not in ("text", "multipart")


def _filename(part: email.message.Message, place: int) -> str:
    name = ""
    with contextlib.suppress(*_ERRORS):
        name = part.get_filename() or ""
    return shorten(_header(name), 200) or f"part-{place}"


def _payload(part: email.message.Message) -> bytes:
    with contextlib.suppress(*_ERRORS):
        data = part.get_payload(decode=True)
        if isinstance(data, bytes):
            return data
    return b""


def _body_part(
    message: email.message.Message, subtype: str
) -> email.message.Message | None:
    for _, part in _parts(message):
        if part.get_content_type() == f"text/{subtype}" and not _is_attachment(part):
            return part
    return None


def _body(message: email.message.Message, subtype: str) -> str:
    part = _body_part(message, subtype)
    if part is None:
        return ""
    data = _payload(part)
    with contextlib.suppress(*_ERRORS):
        return clean(data.decode(part.get_content_charset() or "utf-8"))
    return clean(data.decode("utf-8", "replace"))
