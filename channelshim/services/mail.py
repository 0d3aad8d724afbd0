"""The service `mail`: nothing is sent, everything can be read."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from email.errors import MessageError
from pathlib import Path
from typing import Any, Final

from channelshim.contracts.files import Mails
from channelshim.errors import StorageError

MAILS_KEPT: Final = 100
"""Mails that the development server keeps to be read."""

_logger: Final = logging.getLogger("channelshim.services")


def make_mail_service(folder: Path, mails: Mails | None = None) -> Any:
    """Return the stub for the service `mail`: nothing is sent, all can be read.

    Args:
        folder: each mail is written there as a file that mail programs open, the last
            MAILS_KEPT of them.
        mails: where they are kept instead; None for the folder.
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
            # Google's then says how to switch sendmail on, which nothing does here.
            self._ValidateExtensions(request)
            mime = mail.mail_message_to_mime_message(request)
            message = self._email_message_from_mime_message(mime, request)
            self._CacheMessage(message)
            self._GenerateLog("Send", request, log or self._log_fn)

        def _CacheMessage(self, message: Any) -> None:
            data = _bytes_of(message)
            with self._writing:
                kept = deque([*self._cached_messages, message], MAILS_KEPT)
                self._cached_messages = list(kept)
                if mails is None:
                    _write_mail(folder, next(self._numbers), data)
                else:
                    _keep_mail(mails, data)

    return MailService()


def _keep_mail(mails: Mails, data: bytes) -> None:
    try:
        number = mails.add(data)
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
    from google.appengine.api import mail_service_pb2
    from google.appengine.runtime import apiproxy_errors

    try:
        data: bytes = message.to_mime_message().as_bytes()
    except (MessageError, ValueError) as error:
        code = mail_service_pb2.MailServiceError.BAD_REQUEST
        raise apiproxy_errors.ApplicationError(code, str(error)) from error
    return data


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
