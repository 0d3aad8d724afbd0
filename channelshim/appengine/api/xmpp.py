"""google.appengine.api.xmpp: importable, and nothing more.

The XMPP service ended in 2017 with the Channel API. Apps that offered chat by XMPP
beside their pages still import it; what they send is answered as undelivered.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

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


class Error(Exception):
    """The base of the errors of this module."""


class InvalidJidError(Error):
    """Kept for except clauses; never raised here."""


class InvalidMessageError(Error):
    """Kept for except clauses; never raised here."""


def get_presence(
    jid: str, from_jid: str | None = None, get_show: bool = False
) -> bool | tuple[bool, str]:
    """Return that nobody is there."""
    return (False, PRESENCE_SHOW_NONE) if get_show else False


def send_invite(jid: str, from_jid: str | None = None) -> None:
    """Do nothing."""
    _logger.warning("XMPP no longer exists: an invitation was dropped")


def send_message(
    jids: str | Sequence[str],
    body: str,
    from_jid: str | None = None,
    message_type: str = MESSAGE_TYPE_CHAT,
    raw_xml: bool = False,
) -> int | list[int]:
    """Return OTHER_ERROR, in a list when jids is one."""
    _logger.warning("XMPP no longer exists: a message was dropped")
    return OTHER_ERROR if isinstance(jids, str) else [OTHER_ERROR for _ in jids]


def send_presence(
    jid: str,
    status: str | None = None,
    from_jid: str | None = None,
    presence_type: str = PRESENCE_TYPE_AVAILABLE,
    presence_show: str = PRESENCE_SHOW_NONE,
) -> None:
    """Do nothing."""
    _logger.warning("XMPP no longer exists: a presence was dropped")
