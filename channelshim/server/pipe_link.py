"""The front's end of the pipe to one app process. Loop thread, once it is started."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import socket
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, Protocol

from channelshim.errors import BrokenFrame
from channelshim.protocol.pipe_frames import PART_BYTES, Flag, Frame, encode
from channelshim.server.pipe_socket import PipeSocket, Received, file_with

if TYPE_CHECKING:
    from channelshim.server.pipe_work import Work

SEND_BUFFER_BYTES: Final = 256 << 10
"""What the kernel may hold of a request, so that the loop need not come back for it."""

_logger: Final = logging.getLogger("channelshim.server")

Take = Callable[["Link", Frame, "int | None"], None]
"""Takes a frame; and the descriptor that came with it, if any, which it closes."""


class HasDescriptor(Protocol):
    """A file, or what has one."""

    def fileno(self) -> int:
        """Return its descriptor."""


class _OwnFile:
    """A file that is closed when nobody refers to it any more."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def fileno(self) -> int:
        return self._file.fileno()

    def __del__(self) -> None:
        self._file.close()


class Link:
    """A front's connection to one app process.

    Until `start` it is the thread's that started the process, which waits for what it
    sends; from then on it is the loop's, which never waits.

    Args:
        connection: one of a pair.
        number: of the process, for people.
        take: called with each frame.
        lost: called once when the other end is closed.

    Attributes:
        number: as given.
        is_open: whether anything can be sent.
        is_leaving: whether it gets no further request.
        in_hand: what it is to answer, by number; the pool's.
    """

    def __init__(
        self,
        connection: socket.socket,
        number: int,
        take: Take,
        lost: Callable[[Link], None],
    ) -> None:
        with contextlib.suppress(OSError):
            connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES
            )
        self._pipe = PipeSocket(connection)
        self._take = take
        self._lost = lost
        self._loop: asyncio.AbstractEventLoop | None = None
        # What could not be sent yet: bytes, and a descriptor to go with the first one.
        self._outgoing: deque[tuple[memoryview, HasDescriptor | None]] = deque()
        self.number: int = number
        self.is_open: bool = True
        self.is_leaving: bool = False
        self.in_hand: dict[int, Work] = {}

    def leave(self) -> None:
        """Have it get no further request."""
        self.is_leaving = True

    # --- Before the loop: in the thread that started the process --------------------

    def receive(self) -> list[Received]:
        """Wait for frames, and return them.

        Raises:
            EOFError: the process has ended.
            BrokenFrame: it sends what cannot be read.
        """
        return self._pipe.receive()

    # --- On the loop ----------------------------------------------------------------

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Be the loop's from now on."""
        if self.is_open:
            self._pipe.socket.setblocking(False)
            self._loop = loop
            loop.add_reader(self._pipe.socket.fileno(), self._readable)

    def read_rest(self) -> None:
        """Take what the process has sent before it ended, and close the link."""
        if self.is_open and self._loop is not None:
            # Not select, which knows no descriptor beyond 1,023.
            poll = select.poll()
            poll.register(self._pipe.socket, select.POLLIN)
            while self.is_open and poll.poll(0):
                self._readable()
        self.close()

    def _readable(self) -> None:
        try:
            received = self._pipe.receive()
        except BlockingIOError:
            return
        except (EOFError, OSError):
            self.close()
            return
        except BrokenFrame as error:
            _logger.error("app process %d is ended: %s", self.number, error)
            self.close()
            return
        for at, (frame, descriptor) in enumerate(received):
            if not self.is_open:
                # One before it was broken.
                _close_all(received[at:])
                return
            self._take(self, frame, descriptor)

    def send(
        self,
        kind: int,
        number: int = 0,
        texts: Sequence[str] = (),
        body: bytes = b"",
        flags: int = 0,
    ) -> None:
        """Send a frame; a long body goes as a file. Nothing when the link is closed.

        Raises:
            BrokenFrame: the texts are too long.
        """
        if len(body) > PART_BYTES:
            # Closed when it was sent and nobody refers to it any more.
            data = encode(kind, number, texts, b"", Flag.HAS_FILE)
            self._send(data, _OwnFile(file_with(body)))
        else:
            self._send(encode(kind, number, texts, body, flags), None)

    def send_file(
        self, kind: int, number: int, texts: Sequence[str], file: IO[bytes]
    ) -> None:
        """Send a frame with a file, which must stay open until it is answered.

        Raises:
            BrokenFrame: the texts are too long.
        """
        self._send(encode(kind, number, texts, b"", Flag.HAS_FILE), file)

    def _send(self, data: bytes, file: HasDescriptor | None) -> None:
        if not self.is_open:
            return
        if self._loop is None:
            sent = 0 if file is None else self._pipe.send_with(data, file.fileno())
            self._pipe.socket.sendall(data[sent:])
            return
        view = memoryview(data)
        if not self._outgoing:
            sent = self._send_now(view, file)
            if sent == len(data):
                return
            view, file = view[sent:], None if sent else file
            self._loop.add_writer(self._pipe.socket.fileno(), self._writable)
        self._outgoing.append((view, file))

    def _send_now(self, data: memoryview, file: HasDescriptor | None) -> int:
        """Send what the kernel takes; return how much that was."""
        try:
            if file is not None:
                return self._pipe.send_with(bytes(data), file.fileno())
            return self._pipe.socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            # The reader hears of it.
            return len(data)

    def _writable(self) -> None:
        while self._outgoing:
            data, file = self._outgoing[0]
            sent = self._send_now(data, file)
            if sent < len(data):
                self._outgoing[0] = data[sent:], None if sent else file
                return
            self._outgoing.popleft()
        assert self._loop is not None
        self._loop.remove_writer(self._pipe.socket.fileno())

    def close(self) -> None:
        """Close the socket, and say that it is lost. Idempotent."""
        if not self.is_open:
            return
        self.is_open = False
        self._outgoing.clear()
        # A loop that is closed watches nothing.
        if self._loop is not None and not self._loop.is_closed():
            descriptor = self._pipe.socket.fileno()
            self._loop.remove_reader(descriptor)
            self._loop.remove_writer(descriptor)
        self._pipe.close()
        self._lost(self)


def _close_all(received: Sequence[Received]) -> None:
    for _, descriptor in received:
        if descriptor is not None:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class LinkEvents:
    """What whoever keeps the processes is told. Loop thread.

    Attributes:
        lost: a process has closed its link, or sent what cannot be read.
        overdue: a process has not answered in time: it is to be replaced.
        idle: a process that gets no further request has answered its last one.
    """

    lost: Callable[[Link], None]
    overdue: Callable[[Link], None]
    idle: Callable[[Link], None]
