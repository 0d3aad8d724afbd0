"""google.appengine.api.xmpp: arguments are checked as they were, nothing is sent.

The XMPP service ended in 2017 with the Channel API. Apps that offered chat by XMPP
beside their pages still import it. The answers are those of the old development
server, which sent nothing either.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_logger: Final = logging.getLogger("channelshim.appengine")

NO_ERROR = 0
INVALID_JID = 1
OTHER_ERROR = 2

MESSAGE_TYPE_NONE = ""
MESSAGE_TYPE_CHAT = "chat"
MESSAGE_TYPE_ERROR = "error"
MESSAGE_TYPE_GROUPCHAT = "groupchat"
MESSAGE_TYPE_HEADLINE = "headline"
MESSAGE_TYPE_NORMAL = "normal"

PRESENCE_TYPE_AVAILABLE = ""
PRESENCE_TYPE_UNAVAILABLE = "unavailable"
PRESENCE_TYPE_PROBE = "probe"

PRESENCE_SHOW_NONE = ""
PRESENCE_SHOW_AWAY = "away"
PRESENCE_SHOW_CHAT = "chat"
PRESENCE_SHOW_DND = "dnd"
PRESENCE_SHOW_XA = "xa"

MAX_STATUS_MESSAGE_SIZE: Final = 1024

_JID: Final = re.compile(r"([^@/]+)@([^@/]+)(?:/(.+))?\Z", re.DOTALL)
"""Of somebody: a name, a host, and perhaps a resource."""

_MESSAGE_TYPES: Final = frozenset(
    {
        MESSAGE_TYPE_NONE,
        MESSAGE_TYPE_CHAT,
        MESSAGE_TYPE_ERROR,
        MESSAGE_TYPE_GROUPCHAT,
        MESSAGE_TYPE_HEADLINE,
        MESSAGE_TYPE_NORMAL,
    }
)
_SHOWS: Final = frozenset(
    {
        PRESENCE_SHOW_NONE,
        PRESENCE_SHOW_AWAY,
        PRESENCE_SHOW_CHAT,
        PRESENCE_SHOW_DND,
        PRESENCE_SHOW_XA,
    }
)


class Error(Exception):
    """The base of the errors of this module."""


class InvalidJidError(Error):
    """An address is missing."""


class InvalidTypeError(Error):
    """There is no such type of message or presence."""


class InvalidXmlError(Error):
    """Kept for except clauses; never raised here."""


class NoBodyError(Error):
    """A message has no body."""


class InvalidMessageError(Error):
    """A request is not one of a message."""


class InvalidShowError(Error):
    """There is no such state of a presence."""


class InvalidStatusError(Error):
    """The status of a presence is too long."""


class NondefaultModuleError(Error):
    """Kept for except clauses; never raised here."""


def get_presence(
    jid: str | Sequence[str], from_jid: str | None = None, get_show: bool = False
) -> bool | tuple[bool, str] | list[tuple[bool, str, bool]]:
    """Return whether somebody is there, as the old development server made it up.

    Args:
        jid: an address, or several.
        from_jid: one of the app's own; None for its first.
        get_show: whether the state is returned too.

    Returns:
        whether the address is there, or that and its state; for several addresses a
        list with both, and whether each is valid.

    Raises:
        InvalidJidError: no address, or an invalid one.
    """
    if not jid:
        raise InvalidJidError()
    _check_sender(from_jid)
    if not isinstance(jid, (str, bytes)):
        return [
            (_is_made_up_as_there(each), PRESENCE_SHOW_AWAY, _is_valid(each))
            for each in jid
        ]
    address = _text_of(jid)
    if not _is_valid(address):
        raise InvalidJidError()
    is_there = _is_made_up_as_there(address)
    return (is_there, PRESENCE_SHOW_AWAY) if get_show else is_there


def _is_made_up_as_there(jid: str) -> bool:
    return jid[:1] < "m"


def _is_valid(jid: str) -> bool:
    return _JID.match(_text_of(jid)) is not None


def _text_of(jid: str | bytes) -> str:
    return jid.decode("utf-8", "replace") if isinstance(jid, bytes) else jid


def _check_sender(jid: str | None) -> None:
    """Refuse a sender that is none of the app's own addresses."""
    if not jid:
        return
    match = _JID.match(_text_of(jid))
    application = os.environ.get("APPLICATION_ID", "").rpartition("~")[2]
    own = match is not None and (
        (match[1], match[2]) == (application, "appspot.com")
        or match[2] == f"{application}.appspotchat.com"
    )
    if not own:
        raise InvalidJidError()


def send_invite(jid: str, from_jid: str | None = None) -> None:
    """Log that an invitation is dropped.

    Raises:
        InvalidJidError: no address, or an invalid one.
    """
    if not jid or not _is_valid(jid):
        raise InvalidJidError()
    _check_sender(from_jid)
    _logger.warning("XMPP no longer exists: an invitation was dropped")


def send_message(
    jids: str | Sequence[str],
    body: str,
    from_jid: str | None = None,
    message_type: str = MESSAGE_TYPE_CHAT,
    raw_xml: bool = False,
) -> int | list[int]:
    """Log that a message is dropped; return NO_ERROR, in a list when jids is one.

    An address that is not valid is answered by INVALID_JID.

    Raises:
        NoBodyError: no body.
        InvalidJidError: no address, or a sender that is none of the app's.
        InvalidTypeError: no such type of message.
    """
    if not body:
        raise NoBodyError()
    addresses = [jids] if isinstance(jids, (str, bytes)) else list(jids or ())
    if not addresses or not all(addresses):
        raise InvalidJidError()
    if message_type not in _MESSAGE_TYPES:
        raise InvalidTypeError()
    _check_sender(from_jid)
    _logger.warning("XMPP no longer exists: a message was dropped")
    answers = [NO_ERROR if _is_valid(each) else INVALID_JID for each in addresses]
    return answers[0] if isinstance(jids, (str, bytes)) else answers


def send_presence(
    jid: str,
    status: str | None = None,
    from_jid: str | None = None,
    presence_type: str = PRESENCE_TYPE_AVAILABLE,
    presence_show: str = PRESENCE_SHOW_NONE,
) -> None:
    """Log that a presence is dropped.

    Raises:
        InvalidJidError: no address.
        InvalidStatusError: the status is too long.
        InvalidTypeError: no such type of presence.
        InvalidShowError: no such state.
    """
    if not jid:
        raise InvalidJidError()
    _check_sender(from_jid)
    if status and len(status.encode("utf-8")) > MAX_STATUS_MESSAGE_SIZE:
        raise InvalidStatusError()
    if presence_type not in (
        PRESENCE_TYPE_AVAILABLE,
        PRESENCE_TYPE_UNAVAILABLE,
        PRESENCE_TYPE_PROBE,
    ):
        raise InvalidTypeError()
    if presence_show not in _SHOWS:
        raise InvalidShowError()
    _logger.warning("XMPP no longer exists: a presence was dropped")


class Message:
    """A message that came in.

    Args:
        vars: of the request's form: "from", "to" and "body".

    Raises:
        InvalidMessageError: one of them is missing.
    """

    def __init__(self, vars: Mapping[str, Any]) -> None:
        try:
            self.__sender = vars["from"]
            self.__to = vars["to"]
            self.__body = vars["body"]
        except KeyError as error:
            raise InvalidMessageError(error.args[0]) from None
        self.__command: str | None = None
        self.__arg: str | None = None

    @property
    def sender(self) -> str:
        """Return who sent it."""
        return str(self.__sender)

    @property
    def to(self) -> str:
        """Return who it was sent to."""
        return str(self.__to)

    @property
    def body(self) -> str:
        """Return its text."""
        return str(self.__body)

    @property
    def command(self) -> str | None:
        """Return "help" for "/help me"; None for a text that is no command."""
        self.__parse_command()
        return self.__command

    @property
    def arg(self) -> str | None:
        """Return what stands behind the command, else the whole text."""
        self.__parse_command()
        return self.__arg

    def reply(
        self,
        body: str,
        message_type: str = MESSAGE_TYPE_CHAT,
        raw_xml: bool = False,
        send_message: Any = send_message,
    ) -> int | list[int]:
        """Send a text back; see `send_message`."""
        answer: int | list[int] = send_message(
            [self.sender],
            body,
            from_jid=self.to,
            message_type=message_type,
            raw_xml=raw_xml,
        )
        return answer

    def __parse_command(self) -> None:
        if self.__arg is not None:
            return
        body = self.body
        if body[:1] not in ("/", "\\"):
            self.__arg = body.strip()
            return
        word, _, rest = body[1:].partition(" ")
        self.__command, self.__arg = word, rest.strip()
