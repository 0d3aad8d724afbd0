"""The contracts that join rooms. Implementations stand on higher floors.

The guarantee of each method is part of the contract; every back end passes the
same tests (tests/broker/test_contract.py, tests/store/test_contract.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NewType, Protocol

ClientId = NewType("ClientId", str)
Token = NewType("Token", str)


class Clock(Protocol):
    """The two times. Injected, so that tests can step it."""

    def time(self) -> float:
        """Return Unix seconds; may jump."""

    def monotonic(self) -> float:
        """Return seconds that never go back; comparable within one process."""


# --- Broker ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Replay:
    """What a connection is owed when it attaches.

    Attributes:
        number: the number of the last message before `texts`.
        texts: the messages after it, oldest first.
    """

    number: int
    texts: tuple[str, ...]

    @property
    def last_number(self) -> int:
        """Return the number of the last of texts, or number when there is none."""
        return self.number + len(self.texts)


class Channel:
    """A known client id, as broker and hub share it: one look-up serves both.

    Attributes:
        client_id: whose messages these are.
        number: the number of the last message collected; the broker's.
        connections: this process's connections, in the order of their coming; the
            hub's, and nobody else looks at them.
    """

    __slots__ = ("client_id", "connections", "number")

    def __init__(self, client_id: str, number: int) -> None:
        self.client_id: str = client_id
        self.number: int = number
        self.connections: tuple[Any, ...] = ()


class Delivery(NamedTuple):
    """New messages, and every channel that they are for.

    Attributes:
        texts: at least one, oldest first.
        channels: each was sent just these since the last collect; the number of each
            is that of the last of texts.
    """

    texts: tuple[str, ...]
    channels: Sequence[Channel]


class Broker(Protocol):
    """Messages between processes, their numbers and windows, who is connected where.

    Numbers are per client id, one more for each message, and never go back: they
    start at the clock in microseconds when the id becomes known. A message is numbered
    and put in the window at once, whether or not anyone is connected, as long as the id
    is *known*: expected, connected or in grace. For an unknown id it is dropped.
    """

    def publish(self, client_id: str, text: str) -> None:
        """Send text to every connection of client_id.

        Any thread. Never blocks on a reader, never raises for an absent one. Messages
        of one thread keep their order.
        """

    def expect(self, client_id: str) -> int:
        """Make client_id known for a window's length; return its current number.

        Any thread. Messages published before this call have numbers up to the one
        returned, messages published after it have higher ones.
        """

    def connect(self, client_id: str) -> Channel:
        """Keep client_id known until `disconnect`; return its channel, until then.

        Idempotent per process.
        """

    def disconnect(self, client_id: str) -> None:
        """End what `connect` began: client_id's window is dropped unless expected."""

    def replay(self, client_id: str, after: int | None) -> Replay:
        """Return what comes after message number `after`.

        None, or a number ahead of the counter, means from now: no texts. A number
        older than the window means what is left, and `number` shows the gap.
        """

    def collect(self) -> Sequence[Delivery]:
        """Return what was published since the last call, one delivery for equal texts.

        Loop thread only. Each message is returned once, and each channel stands in one
        delivery; order within a channel is kept.
        """

    def settle(self) -> None:
        """Do the bookkeeping that `collect` has put off. Loop thread.

        Called once the deliveries are written; a replay that is asked for earlier
        is right all the same.
        """

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Have `wake` called, from any thread, when `collect` has something.

        At most one call between two `collect` calls, however much was published.
        """

    def save(self) -> bytes:
        """Return the windows as bytes that `load` of a later process takes."""

    def load(self, saved: bytes) -> None:
        """Take over the windows of an earlier process; expired ones are left out."""


# --- Store ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Account:
    """A person seen at the login page.

    Attributes:
        email: as typed, case kept.
        user_id: 21 digits, from the lower-cased email (contract 7.6).
        is_admin: whether the administrator box was ticked at the last login.
        seen_at: Unix seconds of the last login.
    """

    email: str
    user_id: str
    is_admin: bool
    seen_at: float


class Store(Protocol):
    """What must outlive the process, apart from entities. Any thread.

    Raises StorageError, and leaves everything as it was, when the disk refuses.
    """

    def secrets(self, purpose: str) -> Sequence[bytes]:
        """Return the signing secrets of purpose, oldest first; make one when none is.

        32 random bytes each. The last signs, all verify.
        """

    def rotate_secret(self, purpose: str, *, keep: int = 2) -> None:
        """Add a new newest secret for purpose and keep `keep` of them."""

    def remember_account(self, account: Account) -> None:
        """Insert or replace the account with this email."""

    def accounts(self) -> Sequence[Account]:
        """Return all accounts, last seen first."""

    def note_presence(
        self, connected: Iterable[str], disconnected: Iterable[str]
    ) -> None:
        """Write a group of changes to the presence journal in one commit."""

    def connected_client_ids(self) -> Sequence[str]:
        """Return who the journal says is connected: after a crash, who was."""

    def save_windows(self, saved: bytes | None) -> None:
        """Keep the broker's windows over an orderly restart; None forgets them."""

    def load_windows(self) -> bytes | None:
        """Return what save_windows kept, or None."""

    def close(self) -> None:
        """Give the lease back. Idempotent."""


# --- Dispatcher -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InternalRequest:
    """A request that the platform makes to the app: presence, task, cron, warmup.

    Attributes:
        method: "POST" for presence.
        path: with its query string, if any.
        body: bytes; Content-Length is set from it.
        content_type: "" for none.
        remote_address: limits.PRESENCE_REMOTE_ADDRESS and the like.
        headers: further (name, value) pairs, X-AppEngine-* allowed here alone.
    """

    method: str
    path: str
    body: bytes = b""
    content_type: str = ""
    remote_address: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class InternalResponse:
    """What the app answered.

    Attributes:
        status: the HTTP status as a number; 500 when the handler raised.
        headers: (name, value) pairs.
        body: the whole body.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Dispatcher(Protocol):
    """Makes internal requests to the app, as administrator and without a user.

    Blocking; any thread but the loop's. Never raises: a handler that raises is
    logged and answers 500.
    """

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        """Run the request through app.yaml's handlers and return the answer."""
