"""google.appengine.ext.webapp.xmpp_handlers: handlers for messages by XMPP.

Source: SDK 1.9.88, ext/webapp/xmpp_handlers.py, for names and what overrides see.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import webapp2

from channelshim.appengine.api import xmpp

__all__ = ["BaseHandler", "CommandHandler", "CommandHandlerMixin"]

_logger: Final = logging.getLogger("channelshim.appengine")


class BaseHandler(webapp2.RequestHandler):  # type: ignore[misc]
    """A handler whose `message_received` gets each message."""

    def message_received(self, message: xmpp.Message) -> None:
        """Take a message; for the app to override.

        Raises:
            NotImplementedError: it does not.
        """
        raise NotImplementedError()

    def handle_exception(self, exception: Any, debug_mode: bool) -> None:
        """Log an error that comes of the message itself, and hand on any other."""
        super().handle_exception(exception, debug_mode)
        if isinstance(exception, xmpp.InvalidMessageError):
            _logger.error("the XMPP message is not valid: %s", exception)

    def post(self) -> None:
        """Read a message, and hand it to `message_received`."""
        try:
            self.xmpp_message = xmpp.Message(self.request.POST)
        except xmpp.InvalidMessageError as error:
            _logger.error("the XMPP message is not valid: %s", error)
            return
        self.message_received(self.xmpp_message)


class CommandHandlerMixin:
    """Hands "/help me" to `help_command`, and what is no command to `text_message`."""

    def unhandled_command(self, message: xmpp.Message | None = None) -> None:
        """Answer a command that has no method."""
        assert message is not None
        message.reply("Unknown command")

    def text_message(self, message: xmpp.Message | None = None) -> None:
        """Take a text that is no command; for the app to override."""

    def message_received(self, message: xmpp.Message) -> None:
        """Call the method of the message's command."""
        if message.command:
            method = getattr(self, f"{message.command}_command", None)
            (method or self.unhandled_command)(message)
        else:
            self.text_message(message)


class CommandHandler(CommandHandlerMixin, BaseHandler):
    """A handler with a method for each command."""
