"""Mail: what the app has sent, and a form that sends it some."""

from __future__ import annotations

import email.utils
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import quote

from channelshim import limits
from channelshim.console import downloads
from channelshim.console.page import DOCUMENT_SECURITY, PageHandler, Refused
from channelshim.contracts.dispatcher import InternalRequest
from channelshim.services.admin import outbox
from channelshim.services.admin.mail_boxes import Box, FolderBox, StoreBox
from channelshim.services.admin.outbox import Letter, Mail, Upload

MOST_FILES: Final = 20
MOST_BYTES: Final = 20 << 20
"""Of all files of a mail to the app together."""

_HTML: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""What a mail's HTML may do: look like itself. No script, nothing remote."""


class _Outbox(PageHandler):
    """What the pages of mails share."""

    @property
    def box(self) -> Box:
        """Return where the mail service keeps its mails."""
        if self.sources.app.is_mail_stored:
            return StoreBox(self.sources.store.mails)
        return FolderBox(self.sources.app.store_directory / "mail")

    def mail_number(self) -> int:
        """Return which mail the query names."""
        text = self.request.GET.get("number", "")
        if not (text.isascii() and text.isdecimal() and len(text) <= 12):
            raise Refused("number is that of a mail.")
        return int(text)

    def mail(self) -> Mail:
        """Return the mail that the query names."""
        found = outbox.find(self.box, self.mail_number())
        if found is None:
            raise Refused("There is no such mail any more.", HTTPStatus.NOT_FOUND)
        return found


class MailPage(_Outbox):
    """The mails, latest first, and the form."""

    template: ClassVar[str] = "mail.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        config = self.sources.app.modules[0].config
        return {
            "mails": self.part(outbox.listed(self.box)),
            "count": outbox.count(self.box),
            "route": self.sources.app.mail_route,
            "trouble": self.sources.status.problems().get("mail", ""),
            "takes_mail": config is None or "mail" in config.inbound_services,
        }

    def do_send(self, **names: str) -> str:
        """Send a mail to the app."""
        recipient = self._recipient()
        letter = Letter(
            self.text("from").strip(),
            self.text("to").strip(),
            self.text("cc").strip(),
            self.text("subject"),
            self.text("text").replace("\r\n", "\n"),
            self.text("html"),
            self._files(),
        )
        try:
            data = outbox.write(letter)
        except ValueError as error:
            raise Refused(f"No mail can be made of this: {error}") from error
        answer = self.sources.dispatcher.dispatch(
            InternalRequest(
                "POST",
                f"/_ah/mail/{quote(recipient, safe='@')}",
                data,
                "message/rfc822",
                remote_address=limits.MAIL_REMOTE_ADDRESS,
            )
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            raise Refused(
                f"The app has no handler for mail to {recipient}: it answered 404. It "
                "needs `inbound_services: - mail` and a handler for /_ah/mail/.+ in "
                "app.yaml."
            )
        return f"Sent to {recipient}: the app answered {answer.status}."

    def _recipient(self) -> str:
        found = email.utils.getaddresses([self.text("to")])
        recipient = next((each for _, each in found if "@" in each), "")
        if not recipient:
            raise Refused('"To" needs an address: it says which handler gets the mail.')
        return recipient

    def _files(self) -> tuple[Upload, ...]:
        files: list[Upload] = []
        left = MOST_BYTES
        for each in self.request.POST.getall("file"):
            # An empty field comes as an empty text.
            if isinstance(each, (str, bytes)):
                continue
            data = each.file.read(left + 1)
            left -= len(data)
            if left < 0 or len(files) >= MOST_FILES:
                raise Refused("The files are too many, or too large: 20 of 20 MB.")
            files.append(Upload(each.filename or "file", each.type or "", data))
        return tuple(files)


class MessagePage(_Outbox):
    """One mail: its text, its HTML in a sandbox, its files."""

    template: ClassVar[str] = "mail_message.html"
    # Its HTML is a frame.
    content_security: ClassVar[str] = "frame-src 'self'"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        mail = self.mail()
        return {
            "number": self.mail_number(),
            "mail": mail,
            "can_retry": bool(self.sources.app.mail_route)
            and mail.summary.state in ("waiting", "failed"),
        }

    def do_retry(self, **names: str) -> str:
        """Have the mail tried now."""
        sources = self.sources
        if not sources.app.mail_route:
            raise Refused("Mail is kept and not sent: no setting says where it goes.")
        if not sources.store.mails.retry(self.mail_number(), sources.clock.time()):
            sentence = "The mail is being sent, or nobody is known who lacks it."
            raise Refused(sentence, HTTPStatus.CONFLICT)
        sources.wake_mail()
        return "It is tried now."

    def do_delete(self, **names: str) -> str:
        """Delete the mail."""
        self.box.delete(self.mail_number())
        self.done("Deleted.", "/mail")
        return ""


class HtmlPage(_Outbox):
    """A mail's HTML alone, as a sandboxed document."""

    def get(self, **names: str) -> None:
        """Answer with it."""
        html = outbox.html_of(self.box, self.mail_number())
        if html is None:
            raise Refused("The mail has no HTML.", HTTPStatus.NOT_FOUND)
        self.response.headers["Content-Type"] = "text/html; charset=utf-8"
        self.response.headers[DOCUMENT_SECURITY] = _HTML
        self.response.body = html


class PartPage(_Outbox):
    """A file of a mail, or the whole mail, to be saved."""

    def get(self, **names: str) -> None:
        """Answer with it."""
        number = self.mail_number()
        if not self.request.GET.get("part", ""):
            raw = self.box.read(number)
            found = None if raw is None else (f"{number:06d}.eml", raw)
        else:
            part = self.number("part", 0, 0, 10_000)
            found = outbox.attachment_of(self.box, number, part)
        if found is None:
            raise Refused("There is no such file.", HTTPStatus.NOT_FOUND)
        filename, data = found
        downloads.send(self, data, filename)
