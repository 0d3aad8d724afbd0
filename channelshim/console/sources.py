"""What the pages of the console read and change: handed in, never looked up.

Contracts and plain records alone, so that the console shows one process and a cluster
alike, and a test can stand in for any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from channelshim.appyaml.config import AppConfig
from channelshim.appyaml.cron import CronConfig
from channelshim.appyaml.queues import QueueConfig
from channelshim.contracts.clock import Clock
from channelshim.contracts.dispatcher import Dispatcher
from channelshim.contracts.identity import Login
from channelshim.contracts.jobs import JobControls
from channelshim.contracts.logs import Logs
from channelshim.contracts.overview import Overview
from channelshim.contracts.status import Status
from channelshim.contracts.store import Store


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting in force.

    Attributes:
        name: of the setting.
        value: as text; of a secret only whether it is set.
        default: as text.
        origin: who said it: "default", "flag or argument", or a variable's name.
        group: its heading.
        help: one sentence.
        unit: of a number, or "".
    """

    name: str
    value: str
    default: str
    origin: str
    group: str
    help: str
    unit: str

    @property
    def is_default(self) -> bool:
        """Return whether nobody has said another value."""
        return self.value == self.default


@dataclass(frozen=True, slots=True)
class Module:
    """A module that is served.

    Attributes:
        name: "default" or another.
        version: of its app.yaml.
        url: where it answers, without a slash at the end.
        config: its app.yaml; None for a WSGI application without one.
        directory: of its files; None for the same.
    """

    name: str
    version: str
    url: str
    config: AppConfig | None
    directory: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFacts:
    """What is settled for as long as the server runs.

    Attributes:
        application_id: without partition.
        directory: of the app.
        is_python27: whether its files are Python 2.7 source.
        is_broken: whether an error page stands in for it.
        url: its first address, without a slash at the end.
        modules: at least one, the default one first.
        queues: queue.yaml.
        cron: cron.yaml.
        runs_cron: whether cron jobs run by themselves.
        runs_tasks: whether tasks run by themselves.
        settings: in force, in the order of the reference page.
        store_directory: of its data.
        started_at: Unix seconds.
        allows_code: whether the interactive page runs Python.
        is_mail_stored: whether mails are in the store, not in files.
        mail_route: where mail leaves, as text; "" where it is kept.
        is_loaded_here: whether this process has loaded the app; False where app
            processes do.
    """

    application_id: str
    directory: Path
    is_python27: bool
    is_broken: bool
    url: str
    modules: Sequence[Module]
    queues: QueueConfig
    cron: CronConfig
    runs_cron: bool
    runs_tasks: bool
    settings: Sequence[Setting]
    store_directory: Path
    started_at: float
    allows_code: bool
    is_mail_stored: bool = False
    mail_route: str = ""
    is_loaded_here: bool = True


class ChannelActions(Protocol):
    """What the console does to channels. Any thread but the loop's."""

    def send(self, client_id: str, text: str) -> None:
        """Send a text as the app would.

        Raises:
            BrokerError: too much waits for a back end that is away.
        """

    def create_token(self, client_id: str, minutes: int | None) -> str:
        """Return a new token; None means limits.DEFAULT_TOKEN_MINUTES.

        Raises:
            BrokerError: the back end is away.
        """

    def report_presence(self, client_id: str, *, is_connected: bool) -> int:
        """Tell the app that a client id has come or gone, as the platform would.

        Returns:
            the status that its handler answered.
        """

    def read_since(self, client_id: str, after: int | None) -> tuple[int, list[str]]:
        """Return the texts after message number `after`, and the number before them.

        None means from now: no texts. They come from the window, so that nothing
        stands in the way of a message.

        Raises:
            BrokerError: the back end is away, or the server stops.
        """


class Tails(Protocol):
    """Channels of the console's own. Any thread but the loop's."""

    def open(self, client_id: str, after: int | None) -> str:
        """Return a token of a channel that tells what is sent to a client id.

        Each message is JSON: `number` of the last one, `texts`, and how many were
        `missed` since the one before.

        Args:
            client_id: of the app.
            after: number of the last message that is known; None for from now.
        """


class InApp(Protocol):
    """Runs a function as a request of the app: its os.environ, its services."""

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what the function returns; raises what it raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Everything that pages may use. Any thread but the loop's.

    Attributes:
        app: what is settled.
        clock: the time.
        status: checks and counters of every room.
        overview: the channels.
        channels: what can be done to them.
        tails: tells live what is sent to one.
        store: what outlives the process.
        dispatcher: makes requests to the app as the platform does.
        in_app: runs a function with the app's environment and services.
        jobs: tasks and cron jobs.
        start_thread: runs a function in a thread of this name, which is kept until the
            function returns.
        limit: bounds what a thread does in a block, in seconds; the block's value ends
            it at once.
        login: of the app.
        logs: the latest requests and lines of the log.
        code_names: returns what the interactive page has imported, by name.
        wake_mail: has mails looked for that are to leave.
    """

    app: AppFacts
    clock: Clock
    status: Status
    overview: Overview
    channels: ChannelActions
    tails: Tails
    store: Store
    dispatcher: Dispatcher
    in_app: InApp
    jobs: JobControls
    start_thread: Callable[[str, Callable[[], None]], object]
    limit: Callable[[float], AbstractContextManager[Callable[[], None]]]
    login: Login
    logs: Logs
    code_names: Callable[[], dict[str, Any]]
    wake_mail: Callable[[], None] = lambda: None
