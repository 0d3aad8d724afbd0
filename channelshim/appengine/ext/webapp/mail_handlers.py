"""google.appengine.ext.webapp.mail_handlers: handlers for mail, and for what bounced.

Source: SDK 1.9.88, ext/webapp/mail_handlers.py, for names, addresses and form fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from google.appengine.api import mail
from google.appengine.ext import webapp

__all__ = ["BounceNotification", "BounceNotificationHandler", "InboundMailHandler"]

MAIL_HANDLER_URL_PATTERN: Final = "/_ah/mail/.+"
BOUNCE_NOTIFICATION_HANDLER_URL_PATH: Final = "/_ah/bounce"

_PARTS: Final = ("to", "cc", "bcc", "from", "subject", "text")


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
        return (MAIL_HANDLER_URL_PATTERN, cls)


class BounceNotificationHandler(webapp.RequestHandler):  # type: ignore[misc]
    """Base of handlers for mail of the app's that could not be delivered."""

    def post(self) -> None:
        """Hand what the request's form says to `receive`."""
        self.receive(BounceNotification(self.request.POST))

    def receive(self, notification: BounceNotification) -> None:
        """Take a notification; for the app to override."""

    @classmethod
    def mapping(cls) -> tuple[str, type[BounceNotificationHandler]]:
        """Return the pair for WSGIApplication that leads notifications here."""
        return (BOUNCE_NOTIFICATION_HANDLER_URL_PATH, cls)


class BounceNotification:
    """A mail that could not be delivered, and what came back.

    Args:
        post_vars: of the request's form: "original-to" and the like for the mail,
            "notification-to" and the like for what came back, and
            "raw-message", which is that as a whole.
    """

    def __init__(self, post_vars: Mapping[str, Any]) -> None:
        self.__original = _parts(post_vars, "original")
        self.__notification = _parts(post_vars, "notification")
        raw = post_vars.get("raw-message", "")
        self.__original_raw_message = mail.InboundEmailMessage(raw)

    @property
    def original(self) -> dict[str, Any]:
        """Return the parts of the mail that was sent: "to", "subject" and the like."""
        return self.__original

    @property
    def notification(self) -> dict[str, Any]:
        """Return the parts of what came back."""
        return self.__notification

    @property
    def original_raw_message(self) -> Any:
        """Return what came back, as an InboundEmailMessage."""
        return self.__original_raw_message


def _parts(form: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {part: form.get(f"{kind}-{part}", "") for part in _PARTS}
