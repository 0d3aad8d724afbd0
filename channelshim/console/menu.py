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
    Page("/datastore", "Datastore", STORED, _ROOM + "datastore.DatastorePage"),
    Page(
        "/datastore/entity",
        "Entity",
        STORED,
        _ROOM + "datastore_entity.EntityPage",
        False,
    ),
    Page(
        "/datastore/new",
        "New entity",
        STORED,
        _ROOM + "datastore_entity.NewEntityPage",
        False,
    ),
    Page(
        "/datastore/indexes",
        "Datastore indexes",
        STORED,
        _ROOM + "datastore.IndexesPage",
        False,
    ),
    Page(
        "/datastore/key",
        "Datastore keys",
        STORED,
        _ROOM + "datastore.KeyPage",
        False,
    ),
    Page(
        "/datastore/statistics",
        "Datastore statistics",
        STORED,
        _ROOM + "datastore.StatisticsPage",
        False,
    ),
    Page("/memcache", "Memcache", STORED, _ROOM + "memcache.MemcachePage"),
    Page("/blobs", "Blobs", STORED, _ROOM + "blobs.BlobsPage"),
    Page("/blobs/file", "Blob", STORED, _ROOM + "blobs.FilePage", False),
    Page("/search", "Search", STORED, _ROOM + "search.SearchPage"),
    Page("/search/index", "Search index", STORED, _ROOM + "search.IndexPage", False),
    Page("/users", "Users", STORED, _ROOM + "users.UsersPage"),
    Page("/queues", "Task queues", WORK, _ROOM + "queues.QueuesPage"),
    Page("/queues/queue", "Task queue", WORK, _ROOM + "queues.QueuePage", False),
    Page("/queues/task", "Task", WORK, _ROOM + "queues.TaskPage", False),
    Page("/cron", "Cron jobs", WORK, _ROOM + "cron.CronPage"),
    Page("/mail", "Mail", WORK, _ROOM + "mail.MailPage"),
    Page("/mail/message", "A mail", WORK, _ROOM + "mail.MessagePage", False),
    Page("/mail/html", "The HTML of a mail", WORK, _ROOM + "mail.HtmlPage", False),
    Page("/mail/part", "An attachment", WORK, _ROOM + "mail.PartPage", False),
    Page("/work", "Long work", WORK, _ROOM + "work.WorkPage", False),
    Page("/interactive", "Interactive", TOOLS, _ROOM + "interactive.InteractivePage"),
    Page("/status", "Status", APP, _ROOM + "overview.StatusPage", False),
)
"""Every page, in the order of the menu."""
