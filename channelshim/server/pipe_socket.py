"""One end of the socket between a front and an app process: frames and descriptors.

A descriptor travels beside the first byte of the frame that is flagged for it, and the
kernel ends a read there. So descriptors come in the order of their frames, and at most
one of them before its frame is complete.
"""

from __future__ import annotations

import array
import os
import socket
import tempfile
from collections import deque
from typing import IO, Final

from channelshim.errors import BrokenFrame
from channelshim.protocol.pipe_frames import Flag, Frame, FrameReader

RECEIVE_BYTES: Final = 64 << 10
"""Of one read."""

_DESCRIPTOR_BYTES: Final = array.array("i").itemsize
_ROOM: Final = socket.CMSG_SPACE(4 * _DESCRIPTOR_BYTES)
_FLAGS: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)

Received = tuple[Frame, "int | None"]
"""A frame, and the descriptor that has come with it, which the taker closes."""


class PipeSocket:
    """Reads frames from a socket, and sends bytes with a descriptor.

    Args:
        connection: one of a pair, of kind SOCK_STREAM.

    Attributes:
        socket: as given.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.socket: socket.socket = connection
        self._reader = FrameReader()
        self._descriptors: deque[int] = deque()

    def receive(self) -> list[Received]:
        """Read once; return what is complete with it.

        Raises:
            EOFError: the other end is closed.
            BlockingIOError: nothing is there, and the socket does not wait.
            BrokenFrame: what has come is no frame.
        """
        try:
            data, ancillary, _, _ = self.socket.recvmsg(RECEIVE_BYTES, _ROOM, _FLAGS)
        except (ConnectionError, BrokenPipeError) as error:
            raise EOFError from error
        if ancillary:
            self._keep(ancillary)
        if not data:
            raise EOFError
        frames = self._reader.feed(data)
        if not self._descriptors and not any(
            frame.flags & Flag.HAS_FILE for frame in frames
        ):
            return [(frame, None) for frame in frames]
        return self._with_descriptors(frames)

    def _with_descriptors(self, frames: list[Frame]) -> list[Received]:
        received: list[Received] = []
        for frame in frames:
            descriptor = None
            if frame.flags & Flag.HAS_FILE:
                if not self._descriptors:
                    raise BrokenFrame("a frame without the file that it announces")
                descriptor = self._descriptors.popleft()
            received.append((frame, descriptor))
        if len(self._descriptors) > 1:
            raise BrokenFrame("files that no frame announces")
        return received

    def _keep(self, ancillary: list[tuple[int, int, bytes]]) -> None:
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                found = array.array("i")
                found.frombytes(data[: len(data) - len(data) % _DESCRIPTOR_BYTES])
                self._descriptors.extend(found)

    def send_with(self, data: bytes, descriptor: int) -> int:
        """Send the beginning of data with a descriptor; return how much was sent."""
        rights = array.array("i", [descriptor])
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
        return self.socket.sendmsg([data], ancillary)

    def close(self) -> None:
        """Close the socket, and what came for frames that were not complete."""
        self.socket.close()
        while self._descriptors:
            os.close(self._descriptors.popleft())


def file_with(data: bytes) -> IO[bytes]:
    """Return a file with these bytes, at its beginning: in memory where Linux is."""
    file: IO[bytes]
    if hasattr(os, "memfd_create"):
        file = os.fdopen(os.memfd_create("body", os.MFD_CLOEXEC), "w+b")
    else:
        file = tempfile.TemporaryFile()
    file.write(data)
    file.seek(0)
    return file
