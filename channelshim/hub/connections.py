"""What the hub asks of a connection, and the texts it hands to it.

A gateway subclasses Connection; the hub alone changes `number`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol

from channelshim.contracts.broker import Replay
from channelshim.kernel.switching import switch_interval
from channelshim.protocol import frames

MAXIMUM_CONNECTIONS_PER_CLIENT: Final = 256

MAXIMUM_CONNECTIONS: Final = 100_000

REPLAY_PIECE_BYTES: Final = 64 << 10
"""Of what a page has missed, so much is written to it at once."""

PASS_SWITCH_SECONDS: Final = 0.02
"""sys.setswitchinterval during a pass over many connections."""


_CACHED_TEXTS = 1024
_CACHED_BYTES = 4 << 20

_MANY = 64
"""Connections from which on writing to one after the other keeps the interpreter."""


class FrameCache:
    """One frame for each text, however many connections are owed it.

    Kept from pass to pass and to the pages that resume in between, bounded in count
    and bytes.
    """

    def __init__(self) -> None:
        self._frames: dict[str, bytes] = {}
        self._bytes = 0
        self.built: int = 0

    def frame(self, text: str) -> bytes:
        """Return text's WebSocket frame, built at most once while cached."""
        if type(text) is not str:
            # A class of somebody's own decides itself what it is equal to.
            self.built += 1
            return frames.text_frame(text)
        frame = self._frames.get(text)
        if frame is None:
            frame = frames.text_frame(text)
            self.built += 1
            if len(self._frames) >= _CACHED_TEXTS or self._bytes > _CACHED_BYTES:
                self._frames.clear()
                self._bytes = 0
            self._frames[text] = frame
            self._bytes += len(frame)
        return frame

    def joined(self, texts: tuple[str, ...]) -> bytes:
        """Return the frames of texts, one behind the other; b"" for none."""
        if len(texts) == 1:
            return self.frame(texts[0])
        return b"".join([self.frame(text) for text in texts])

    def piece(self, texts: tuple[str, ...]) -> tuple[bytes, int]:
        """Return the frames of the first texts, and of how many.

        One at least, and together not longer than REPLAY_PIECE_BYTES.
        """
        taken: list[bytes] = []
        left = REPLAY_PIECE_BYTES
        for text in texts:
            frame = self.frame(text)
            left -= len(frame)
            if left < 0 and taken:
                break
            taken.append(frame)
        return b"".join(taken), len(taken)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What has gone over a connection.

    Attributes:
        sent_bytes: that the peer's machine has taken; None where nobody counts.
        waiting_bytes: written and not sent.
    """

    sent_bytes: int | None = None
    waiting_bytes: int = 0


_NO_TRAFFIC: Final = Traffic()


class Connection(ABC):
    """One live browser attachment. Loop thread only.

    Attributes:
        client_id: whose channel it receives.
        nonce: of its token; tells tokens of one client id apart.
        expires_at: Unix seconds at which its token ends.
        number: the number of the last message handed to it; the hub's.
        is_attached: whether the hub knows it; the hub's.
        page: its number in the log, 0 for none; the hub's.
        opened_at: Unix seconds at which it was attached; the hub's.
        user_agent: what its browser calls itself, cut; "" where that is not known.
        transport_name: how it came; "" for one request of a poller, which is a page
            for longer than that.
        write: takes frames and writes them at once; never waits for the reader. An
            attribute, so that the hub calls the transport's own method.
        send_word: names its socket to a gateway that sends to many in one call, while
            nothing waits in the transport; else 0.
    """

    transport_name: ClassVar[str] = "websocket"

    __slots__ = (
        "client_id",
        "expires_at",
        "is_attached",
        "nonce",
        "number",
        "opened_at",
        "page",
        "send_word",
        "user_agent",
        "write",
    )

    def __init__(
        self,
        client_id: str,
        nonce: bytes,
        expires_at: int,
        write: Callable[[bytes], object],
    ) -> None:
        self.write: Callable[[bytes], object] = write
        self.send_word: int = 0
        self.client_id: str = client_id
        self.nonce: bytes = nonce
        self.expires_at: int = expires_at
        self.number: int = 0
        self.is_attached: bool = False
        self.page: int = 0
        self.opened_at: float = 0.0
        self.user_agent: str = ""

    @abstractmethod
    def open(self, number: int, owed: bytes) -> None:
        """Say the number before what follows, then the frames that are owed already."""

    @abstractmethod
    def expire(self) -> None:
        """End with "Token+timed+out."; the hub has detached it."""

    @abstractmethod
    def come_back(self) -> None:
        """End so that the page reconnects and resumes; the hub has detached it."""

    def refuse(self) -> None:
        """End one that could not be attached, so that the page tries again."""
        self.come_back()

    def may_send(self) -> bool:
        """Return whether nothing waits in the transport, and note it."""
        return False

    def takes_more(self) -> bool:
        """Return whether its reader is not behind.

        One that has answered no calls Hub.catch_up once it is not behind any more.
        """
        return True

    def ping(self) -> bool:
        """Ask for a sign of life; return whether one is to be expected."""
        return False

    def has_answered(self) -> bool:
        """Return whether a sign of life came since the last ping."""
        return True

    def traffic(self) -> Traffic:
        """Return what has gone over it. Any thread."""
        return _NO_TRAFFIC

    def abort(self) -> None:
        """Drop a dead peer without a word; the hub has detached it."""
        self.come_back()


class Subscriber(list[Connection]):
    """The attached connections of one client id, in the order of their coming.

    A list itself, since it is gone through for each message. The hub's alone.

    Attributes:
        arriving: connections for which the broker has not answered yet.
        is_known: whether the broker has answered since it was last lost.
        replaying: those that still take what they missed, piece by piece; new messages
            wait in the window for them.
    """

    __slots__ = ("arriving", "is_known", "replaying")

    def __init__(self) -> None:
        super().__init__()
        self.arriving: int = 0
        self.is_known: bool = False
        self.replaying: tuple[Connection, ...] = ()

    @property
    def total(self) -> int:
        """Return how many there are, arriving ones included."""
        return len(self) + self.arriving + len(self.replaying)

    @property
    def attached(self) -> tuple[Connection, ...]:
        """Return all that are attached. Any thread."""
        return (*self, *self.replaying)

    def drop(self, connection: Connection) -> None:
        """Forget one that is attached."""
        if connection in self.replaying:
            self.replaying = tuple(
                other for other in self.replaying if other is not connection
            )
        else:
            self.remove(connection)

    def note_known(self, replay: Replay) -> None:
        """Note that the broker has answered."""
        self.is_known = True


class Sender(Protocol):
    """Writes the same frames to each of many connections. Loop thread."""

    def __call__(
        self, connections: Sequence[Connection], frames: bytes
    ) -> Sequence[Connection]:
        """Write, and return those of which nobody knows what they were sent."""


def write_each(
    connections: Sequence[Connection], frames: bytes
) -> Sequence[Connection]:
    """Write frames to each of connections; see Sender."""
    if len(connections) < _MANY:
        _write_each(connections, frames)
        return ()
    # Handlers that compute would take the interpreter away again and again, each for
    # as long as all the others want it too.
    with switch_interval(PASS_SWITCH_SECONDS, is_least=True):
        _write_each(connections, frames)
    return ()


def _write_each(connections: Sequence[Connection], frames: bytes) -> None:
    for connection in connections:
        connection.write(frames)
