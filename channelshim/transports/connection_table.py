"""Every connection of a server, from accept until its transport is gone.

Theory. A connection is in the table for as long as its transport lives: `add` when the
loop hands it over, `remove` when the loop says that it is lost. Nothing else takes it
out; a change of protocol is one step, `replace`. At each beat a connection is in one
state, and each state has its SECONDS. Whoever stays in one for longer, without LEAST of
progress, is ended; the time for which we held it back does not count. Ending puts a
connection into a state with a bound of its own, and the last one, a reset, waits for
nobody. So none stays for ever but a page that answers pings, which the hub's heartbeat
sees to.

Pages that are attached are most of all connections and have their heartbeat, so they
are not visited at each beat: they say when they leave that state, and a look round at
all of them, a share at each beat, finds one that has not said so.

Some descriptors are left to the app and its files. When the others are taken, the
connections of those who ask for nothing go first; no page and no request in hand goes.
"""

from __future__ import annotations

import enum
import heapq
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import Final

from channelshim.contracts.status import Status
from channelshim.kernel.descriptors import descriptor_limit
from channelshim.transports.body_budget import MAXIMUM_BODIES, BodyBudget
from channelshim.transports.send_budget import SEND_TOTAL_BYTES, SendBudget
from channelshim.transports.turns import Turns

_logger: Final = logging.getLogger("channelshim.transports")

BEAT_SECONDS: Final = 1.0
"""Between two visits of each connection."""

_KEPT_SHARE = 8
_LEAST_KEPT = 96
"""Descriptors for others: this share of all, so many at least."""

_AT_ONCE_SHARE = 32
"""The share of all connections that goes when there are too many."""

_NOT_SEEN: Final = float("inf")

_ROUND_BEATS = 16
"""In so many beats each attached page is looked at."""


class State(enum.Enum):
    """What a connection is in the middle of."""

    HANDSHAKE = "handshake"
    """That of TLS."""

    HEAD = "head"
    """The peer owes the rest of a head; at first all of it."""

    BODY = "body"
    """The peer owes the rest of a body."""

    HANDLER = "handler"
    """We owe an answer, or its next piece."""

    POLL = "poll"
    """A poll is held."""

    ANSWER = "answer"
    """The peer has not taken what is written."""

    IDLE = "idle"
    """All is answered; another request may come."""

    REFUSED = "refused"
    """Told why it is refused. What still comes is read and dropped, or the reset for it
    might reach the peer before the words."""

    UPGRADE = "upgrade"
    """A WebSocket for which the broker has not answered."""

    OPEN = "open"
    """A WebSocket with its page attached."""

    BEHIND = "behind"
    """The same, whose reader is behind."""

    CLOSING = "closing"
    """Nothing is said any more; the peer should close too."""


SECONDS: Final[dict[State, float]] = {
    # Two turns of the peer's, and some arithmetic.
    State.HANDSHAKE: 10.0,
    # Clients that are alive send a head at once.
    State.HEAD: 30.0,
    State.BODY: 30.0,
    # App Engine's longest, for requests of basic and manual scaling.
    State.HANDLER: 24 * 3600.0,
    # They are answered by themselves after POLL_MAXIMUM_WAIT_SECONDS.
    State.POLL: 60.0,
    State.ANSWER: 20.0,
    # Browsers keep theirs about as long.
    State.IDLE: 60.0,
    State.REFUSED: 5.0,
    # The broker fails by itself well before.
    State.UPGRADE: 30.0,
    State.OPEN: float("inf"),
    State.BEHIND: 20.0,
    State.CLOSING: 2.0,
}
"""How long a connection may stay in a state without progress."""

LEAST: Final[dict[State, int]] = {
    # 35 kbit/s, and 52: slower, an answer would hold its worker for long.
    State.BODY: 128 << 10,
    State.ANSWER: 128 << 10,
    # A page on a poor line reads a little at least.
    State.BEHIND: 16 << 10,
}
"""Bytes that count as progress; in other states any change of `progress` does."""


_GOES_FIRST: Final = (
    State.CLOSING,
    State.REFUSED,
    State.IDLE,
    State.HANDSHAKE,
    State.HEAD,
    State.BODY,
    State.ANSWER,
)
"""When there are too many connections; among equals the one that is so for longest."""


_WITHOUT_FILE: Final = (State.POLL, State.IDLE, State.HANDSHAKE)


class Watched(ABC):
    """A connection, as the table sees it. Loop thread only."""

    __slots__ = ()

    @abstractmethod
    def state(self) -> State:
        """Return what it is in the middle of."""

    def progress(self) -> int:
        """Return a number that grows as the peer does its part in this state."""
        return 0

    def held_seconds(self) -> float:
        """Return for how long in all it had to wait until we read on."""
        return 0.0

    @abstractmethod
    def end(self, state: State) -> None:
        """End it, or begin to: it was in this state for too long."""

    @abstractmethod
    def drop(self) -> None:
        """Reset it: what the kernel has for the peer is lost too."""

    @abstractmethod
    def abandon(self) -> None:
        """Close it at once; what the kernel has still goes out."""


class _Note:
    """What was seen of a connection.

    Attributes:
        state: at the last visit, or when it came.
        progress: when that was last enough.
        since: when that was, or when the state was first seen; monotonic seconds,
            _NOT_SEEN before the first visit.
        held_seconds: the connection's `held_seconds()` at `since`.
    """

    __slots__ = ("held_seconds", "progress", "since", "state")

    def __init__(self, state: State) -> None:
        self.set(state, 0, _NOT_SEEN, 0.0)

    def set(self, state: State, progress: int, now: float, held_seconds: float) -> None:
        """Begin to count from now."""
        self.state = state
        self.progress = progress
        self.since = now
        self.held_seconds = held_seconds


class ConnectionTable:
    """Owns all connections of a server, whatever protocol they speak. Loop thread.

    Args:
        sends: bounds what waits for slow readers; None for one of its own.
        bodies: bounds what is being received; None for one of its own.
        descriptors: that this process may have open; None asks the system.

    Attributes:
        sends: as given.
        bodies: as given.
        turns: of those who send more than is read at once.
    """

    def __init__(
        self,
        sends: SendBudget | None = None,
        bodies: BodyBudget | None = None,
        *,
        descriptors: int | None = None,
    ) -> None:
        if descriptors is None:
            descriptors = descriptor_limit()
        kept = max(descriptors // _KEPT_SHARE, _LEAST_KEPT)
        self._maximum = max(descriptors - kept, 1)
        if bodies is None:
            most = max(min(MAXIMUM_BODIES, descriptors // _KEPT_SHARE), 1)
            bodies = BodyBudget(time.monotonic, maximum_bodies=most)
        if sends is None:
            sends = SendBudget(SEND_TOTAL_BYTES, time.monotonic)
        self.sends: SendBudget = sends
        self.bodies: BodyBudget = bodies
        self.turns: Turns = Turns()
        self._visited: dict[Watched, _Note] = {}
        self._open: set[Watched] = set()
        # Of `_open`, those that this round has not come to.
        self._round: list[Watched] = []
        self._share = 1
        # Of `_visited`, by what was seen last.
        self._counts = dict.fromkeys(State, 0)
        self._now = 0.0
        self._warned_at = -1.0

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._visited) + len(self._open)

    def __iter__(self) -> Iterator[Watched]:
        """Go through all that are there now."""
        return iter([*self._visited, *self._open])

    def report_to(self, status: Status) -> None:
        """Register how many there are in each state, a beat ago at most."""
        for state in State:
            status.counter(
                f"transports.connections.{state.value}", partial(self.count, state)
            )
        self.sends.report_to(status)
        self.bodies.report_to(status)

    def count(self, state: State) -> int:
        """Return how many are in a state, a beat ago at most. Any thread."""
        return len(self._open) if state is State.OPEN else self._counts[state]

    # --- Coming and going -------------------------------------------------------------

    def add(self, connection: Watched, state: State = State.HEAD) -> None:
        """Take a connection that the loop has handed over.

        Others may be dropped for it, or it may be itself.
        """
        # Others than pages and polls may have a file open too, of a body or an answer.
        counts = self._counts
        files = len(self._visited) - sum(map(counts.__getitem__, _WITHOUT_FILE))
        taken = len(self) + files
        self._visited[connection] = _Note(state)
        self._counts[state] += 1
        if taken >= self._maximum:
            self._make_room(connection)

    def remove(self, connection: Watched) -> None:
        """Forget a connection whose transport is gone. Idempotent."""
        note = self._visited.pop(connection, None)
        if note is None:
            self._open.discard(connection)
        else:
            self._counts[note.state] -= 1

    def replace(self, old: Watched, new: Watched) -> None:
        """Have new take the place of old on the same transport."""
        self.remove(old)
        self.add(new, State.UPGRADE)

    def settle(self, connection: Watched) -> None:
        """Leave an attached page to its heartbeat, until `hasten`. Idempotent."""
        note = self._visited.pop(connection, None)
        if note is not None:
            self._counts[note.state] -= 1
            self._open.add(connection)

    def hasten(self, connection: Watched, state: State) -> None:
        """Visit a page at each beat from now on: it is in this state."""
        if connection in self._open:
            self._open.discard(connection)
            self.add(connection, state)

    def _make_room(self, new: Watched) -> None:
        """Drop those who ask for nothing; without any, the new one."""
        going = [
            (_GOES_FIRST.index(note.state), note.since, number, connection)
            for number, (connection, note) in enumerate(self._visited.items())
            if note.state in _GOES_FIRST and connection is not new
        ]
        if self._warned_at != self._now:
            self._warned_at = self._now
            _logger.warning(
                "too many connections: some that ask for nothing are cut off"
            )
        many = len(self) // _AT_ONCE_SHARE + 1
        chosen = [each[-1] for each in heapq.nsmallest(many, going)]
        for connection in chosen or [new]:
            connection.drop()

    # --- The beat ---------------------------------------------------------------------

    def beat(self, now: float) -> None:
        """Visit; once in BEAT_SECONDS.

        Args:
            now: monotonic seconds.
        """
        self._now = now
        self._look_round()
        for connection, note in list(self._visited.items()):
            try:
                self._visit(connection, note, now)
            except Exception:
                # The others are visited all the same.
                _logger.exception("a connection could not be looked after")

    def _visit(self, connection: Watched, note: _Note, now: float) -> None:
        state = connection.state()
        if state is State.OPEN:
            self.settle(connection)
            return
        if state is not note.state or note.since == _NOT_SEEN:
            self._counts[note.state] -= 1
            self._counts[state] += 1
            note.set(state, connection.progress(), now, connection.held_seconds())
            return
        progress = connection.progress()
        if progress - note.progress >= LEAST.get(state, 1):
            note.set(state, progress, now, connection.held_seconds())
        elif now - note.since > SECONDS[state]:
            held_seconds = connection.held_seconds() - note.held_seconds
            if now - note.since - held_seconds > SECONDS[state]:
                connection.end(state)

    def _look_round(self) -> None:
        """Find attached pages that are so no more and have not said so."""
        if not self._round:
            self._round = list(self._open)
            self._share = len(self._round) // _ROUND_BEATS + 1
        looked_at, self._round = (
            self._round[: self._share],
            self._round[self._share :],
        )
        for connection in looked_at:
            state = connection.state()
            if state is not State.OPEN:
                self.hasten(connection, state)
