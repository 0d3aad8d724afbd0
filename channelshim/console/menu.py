"""The one table of the console's pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the console.

    Attributes:
        path: where it is; a regular part such as "<key>" is webapp2's.
        title: in the menu and on the page.
        group: its heading in the menu.
        handler: dotted path of its PageHandler, imported at its first request.
        is_in_menu: False for a page that only others link to.
    """

    path: str
    title: str
    group: str
    handler: str
    is_in_menu: bool = True


_ROOM: Final = "channelshim.console."

APP: Final = "The app"
STORED: Final = "What it stores"
WORK: Final = "What it does"
TOOLS: Final = "Tools"

GROUPS: Final = (APP, STORED, WORK, TOOLS)
"""The headings of the menu, in its order."""

PAGES: Final = (
    Page("/", "Overview", APP, _ROOM + "overview.OverviewPage"),
    Page("/channels", "Channels", APP, _ROOM + "channels.ChannelsPage"),
    Page("/channels/id", "Channel", APP, _ROOM + "channel.ChannelPage", False),
    Page("/logs", "Logs", APP, _ROOM + "logs.LogsPage"),
    Page("/errors", "Errors", APP, _ROOM + "logs.ErrorsPage"),
    Page("/interactive", "Interactive", TOOLS, _ROOM + "interactive.InteractivePage"),
    Page("/status", "Status", APP, _ROOM + "overview.StatusPage", False),
)
"""Every page, in the order of the menu."""
