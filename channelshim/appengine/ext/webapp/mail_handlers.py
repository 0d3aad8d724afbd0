"""google.appengine.ext.webapp.mail_handlers: importable; no mail comes in here."""

from __future__ import annotations

from typing import Any

from google.appengine.api import mail
from google.appengine.ext import webapp

__all__ = ["InboundMailHandler"]


class InboundMailHandler(webapp.RequestHandler):  # type: ignore[misc]
    """Base of handlers for mail to ADDRESS@APPLICATION.appspotmail.com."""

    def post(self) -> None:
        """Hand the mail that is the request's body to `receive`."""
        self.receive(mail.InboundEmailMessage(str(self.request.body)))

    def receive(self, mail_message: Any) -> None:
        """Take a mail; for the app to override."""

    @classmethod
    def mapping(cls) -> tuple[str, type[InboundMailHandler]]:
        """Return the pair for WSGIApplication that leads all mail here."""
        return ("/_ah/mail/.+", cls)
