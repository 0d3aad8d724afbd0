"""Files to sockets: by the kernel where it can, in pieces otherwise.

Theory. The kernel copies from the file's cache to the socket (`sendfile`), which is
several times as fast as reading and writing, and Python holds none of the bytes. The
socket is the transport's, which does not know of it: so nothing else may be on its way.
It is used only when the transport's buffer is empty and it does not encrypt, and
meanwhile nobody else writes to the connection, since the next answer begins after this
one is complete. A reader who falls behind is told to the protocol, as its transport
would.

`sendfile` waits for the disk, and the loop with it. So a part is sent only once the
kernel says that its ends are in its cache; a thread reads it before otherwise. The
cache may lose it in between, or have a hole: then the loop waits for one part, four
megabytes, once.

Explored by tests/server/test_files.py against the plain way.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Final

from channelshim.kernel import sockets
from channelshim.kernel.descriptors import descriptor_limit
from channelshim.kernel.thread_pool import ThreadPool
from channelshim.runtime.file_pieces import FilePieces, read_cached
from channelshim.server.response import Response
from channelshim.server.response_bytes import Headers

PART_BYTES: Final = 4 << 20
"""Looked for in the cache at once. A call sends what the socket takes of it, a megabyte
or two: some 0.3 ms of the loop."""

_READ_BYTES: Final = 256 << 10
"""That a thread holds at once while it reads a part."""


class FileSender:
    """Sends one answer whose body is a file.

    Args:
        response: of the request.
        file: the body; closed by the caller.
        disks: runs what waits for a disk.
    """

    def __init__(self, response: Response, file: FilePieces, disks: ThreadPool) -> None:
        self._response = response
        self._disks = disks
        self._connection = response.connection
        self._pieces = file
        self._file = self._offset = self._end = -1
        # Of the part that is sent.
        self._cached_end = -1
        # None in the plain way.
        self._socket: socket.socket | None = None

    def begin(self, status: int, headers: Headers) -> bool:
        """Send the head; return False when there is nothing more to send.

        Args:
            status: the code.
            headers: the file's length among them.
        """
        place = self._pieces.place()
        if place is None or not _is_direct(self._response):
            return self._response.begin_pieces(status, headers)
        number = _second(sockets.descriptor(self._connection.transport.transport))
        if number is None:
            return self._response.begin_pieces(status, headers)
        self._file, self._offset = place
        self._end = self._offset + self._pieces.length
        self._cached_end = self._offset
        self._socket = socket.socket(fileno=number)
        return self._response.begin_pieces(status, headers, self._send_head)

    def _send_head(self, head: bytes) -> None:
        """Send the head, together with the first bytes of the file."""
        assert self._socket is not None
        sent = 0
        try:
            flags = socket.MSG_DONTWAIT | getattr(socket, "MSG_MORE", 0)
            sent = self._socket.send(head, flags)
        except OSError:
            # The transport finds out what it is.
            pass
        self._connection.transport.count(sent)
        if sent < len(head):
            self._connection.transport.write(head[sent:])
            self.close()

    async def send(self) -> None:
        """Send the file, and end the answer."""
        if self._socket is None:
            await self._send_pieces()
        else:
            await self._send_directly(self._socket)

    async def _send_pieces(self) -> None:
        """Send it as any other answer in pieces; a thread waits for its disk."""
        response = self._response
        loop = asyncio.get_running_loop()
        while not response.is_gone:
            await response.drain()
            piece = await loop.run_in_executor(self._disks, next, self._pieces, b"")
            if not piece:
                response.end_pieces()
                return
            if not response.send_piece(piece):
                return

    async def _send_directly(self, peer: socket.socket) -> None:
        """Send each time that the socket takes more, but for what a disk must give."""
        loop = asyncio.get_running_loop()
        while self._offset < self._end and not self._response.is_gone:
            if not self._is_cached():
                await loop.run_in_executor(self._disks, self._read)
            self._connection.pause_writing()
            loop.add_writer(peer, self._send_some, peer.fileno())
            try:
                self._send_some(peer.fileno())
                # Resumed at the end, before a disk, or when the peer has hung up.
                await self._response.drain()
            finally:
                loop.remove_writer(peer)
        if not self._response.is_gone:
            self._response.end_pieces()

    def _send_some(self, peer: int) -> None:
        """Send a part, or what the socket takes of it."""
        if self._offset == self._cached_end and not self._is_cached():
            self._connection.resume_writing()
            return
        if self._response.is_gone:
            self._connection.resume_writing()
            return
        left = self._cached_end - self._offset
        try:
            count = os.sendfile(peer, self._file, self._offset, left)
        except BlockingIOError:
            return
        except OSError:
            # The peer has hung up; the transport hears of it too.
            count = -1
        if count <= 0:
            self._response.break_off("" if count else "its file became shorter")
            self._connection.resume_writing()
            return
        self._offset += count
        self._connection.transport.count(count)
        self._response.note_sent(count)
        if self._offset == self._end:
            self._connection.resume_writing()

    def _is_cached(self) -> bool:
        """Return whether the next part is, and then have it sent."""
        end = min(self._offset + PART_BYTES, self._end)
        ends = (self._offset, end - 1)
        is_cached = all(read_cached(self._file, 1, at) for at in ends)
        if is_cached:
            self._cached_end = end
        return is_cached

    def _read(self) -> None:
        """Have the kernel read a part. In a thread."""
        end = min(self._offset + PART_BYTES, self._end)
        for at in range(self._offset, end, _READ_BYTES):
            os.pread(self._file, min(_READ_BYTES, end - at), at)
        self._cached_end = end

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _second(descriptor: int) -> int | None:
    """Return another number for a transport's socket; None where they are scarce.

    The loop lets nobody else watch a transport's own. The number of a new one is the
    lowest that is free, so a high one says how many there are: from the half on, the
    table of connections counts on two for each answer, its socket and its file.
    """
    try:
        number = os.dup(descriptor)
    except OSError:
        return None
    if number > descriptor_limit() // 2:
        os.close(number)
        return None
    return number


def _is_direct(response: Response) -> bool:
    transport = response.connection.transport
    return (
        hasattr(os, "sendfile")
        and response.method != "HEAD"
        and not sockets.is_encrypted(transport.transport)
        and transport.get_write_buffer_size() == 0
        and not response.is_gone
    )
