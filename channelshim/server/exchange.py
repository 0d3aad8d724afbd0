"""One request on the loop: what its worker answers, and when that is sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol

from channelshim.kernel.thread_pool import ThreadPool
from channelshim.runtime.file_pieces import FilePieces
from channelshim.server.file_sender import FileSender
from channelshim.server.response import NO_ANSWER, TEXT_HEADERS, Response

Head = tuple[str, list[tuple[str, str]]]
"""The status line and the headers, as the app has said them."""


class Worker(Protocol):
    """What runs the app for a request. Called on the loop."""

    def give_room(self) -> None:
        """Take one more piece: one has been sent."""

    def abandon(self) -> None:
        """Stop at the next piece: nobody wants the answer."""


class Closed(Protocol):
    """What is closed at the end."""

    def close(self) -> None:
        """Let go of it."""


class Surroundings(Protocol):
    """What is the same for every request of one bridge."""

    call_soon: Callable[[Callable[[], None]], object]
    """Has a function called on the loop, from any thread."""

    when_safe: Callable[[Callable[[], None]], None]
    """Calls a function when the messages of this process are safe; see
    contracts.Broker."""

    hold: Callable[[Any], None]
    """Told when the app has answered and its messages are not safe yet."""

    disks: ThreadPool
    """Runs what waits for a disk."""

    def log(self, response: Response, begun: float | None = None) -> None:
        """Log a request whose answer has begun.

        Args:
            response: to the request.
            begun: monotonic seconds at which the request was here.
        """

    def finish(self, exchange: Exchange) -> None:
        """Note that an answer was sent, or given up."""

    def remember(self, response: Response, head: Head, file: FilePieces) -> None:
        """Note that an answer is a file, which may be asked for again."""


class Exchange:
    """One request and its answer. Loop thread.

    Nothing is sent before the messages that its handler has sent are safe.

    Args:
        environ: the WSGI environment.
        response: sends the answer.
        around: of the bridge.
        begun: monotonic seconds at which its body was here.
        body: of the request, closed when the app is done with it; None for no body.

    Attributes:
        environ: as given.
        response: as given.
        call_soon: has a function called on the loop, from any thread.
        begun: as given.
        path: of its address.
        worker: runs the app; set by the executor, None once it is done.
    """

    __slots__ = (
        "__weakref__",
        "_around",
        "_body",
        "_is_sending",
        "_pieces",
        "_waiter",
        "begun",
        "call_soon",
        "environ",
        "path",
        "response",
        "worker",
    )

    def __init__(
        self,
        environ: dict[str, Any],
        response: Response,
        around: Surroundings,
        begun: float,
        body: Closed | None = None,
    ) -> None:
        self.environ: dict[str, Any] = environ
        self.response: Response = response
        self.call_soon: Callable[[Callable[[], None]], object] = around.call_soon
        self.begun: float = begun
        self.path: str = environ["PATH_INFO"]
        self.worker: Worker | None = None
        self._around = around
        self._body = body
        self._is_sending = False
        # Of an answer in pieces, what was not sent yet; None stands for its end, False
        # for one that broke off.
        self._pieces: deque[bytes | bool | None] | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_streamed(self) -> bool:
        """Return whether a piece of the answer was handed over already."""
        return self._pieces is not None

    # --- What the executor calls --------------------------------------------------

    def take_whole(self, head: Head | None, body: bytes) -> None:
        """Take a whole answer; no head when the app has not answered."""
        self._end(partial(self._send_whole, head, body))

    def take_file(self, head: Head | None, file: FilePieces) -> None:
        """Take an answer whose body is a file."""
        self._end(partial(self._send_file, head, file))

    def take_piece(self, head: Head | None, piece: bytes) -> None:
        """Take a piece of an answer."""
        if self._pieces is None:
            self._pieces = deque([piece])
            self._around.when_safe(partial(self._begin_pieces, head))
        else:
            self._pieces.append(piece)
            self._wake()

    def end_pieces(self, *, is_broken: bool = False) -> None:
        """Take no more pieces.

        Args:
            is_broken: whether the answer broke off.
        """
        self._let_go()
        self._around.when_safe(partial(self._end_pieces, is_broken=is_broken))

    def _end(self, send: Callable[[], None]) -> None:
        self._let_go()
        self._around.when_safe(send)
        if not self._is_sending:
            self._around.hold(self)

    def _let_go(self) -> None:
        # They refer to each other.
        self.worker = None
        if self._body is not None:
            self._body.close()

    # --- Its answer, once that is safe --------------------------------------------

    def _send_whole(self, head: Head | None, body: bytes) -> None:
        self._is_sending = True
        if self.response.is_behind:
            self.response.connection.run(self._send_late(head, body))
            return
        self._send_now(head, body)

    async def _send_late(self, head: Head | None, body: bytes) -> None:
        try:
            await self.response.drain()
        finally:
            self._send_now(head, body)

    def _send_now(self, head: Head | None, body: bytes) -> None:
        try:
            if head is None:
                self.response.send_whole(_code(head), TEXT_HEADERS, NO_ANSWER)
            else:
                self.response.send_whole(_code(head), head[1], body)
            self._around.log(self.response, self.begun)
        finally:
            self._around.finish(self)

    def _send_file(self, head: Head | None, file: FilePieces) -> None:
        self._is_sending = True
        if head is None:
            file.close()
            self._send_now(None, b"")
            return
        self._around.remember(self.response, head, file)
        whole = file.whole()
        if whole is None:
            self.response.connection.run(self._follow_file(head, file))
            return
        file.close()
        self._send_whole(head, whole)

    async def _follow_file(self, head: Head, file: FilePieces) -> None:
        sender = FileSender(self.response, file, self._around.disks)
        try:
            has_body = sender.begin(_code(head), head[1])
            self._around.log(self.response, self.begun)
            if has_body:
                await sender.send()
        finally:
            sender.close()
            file.close()
            self._around.finish(self)

    # --- An answer in pieces ------------------------------------------------------

    def _begin_pieces(self, head: Head | None) -> None:
        self._is_sending = True
        self.response.connection.run(self._follow_pieces(head))

    def _end_pieces(self, *, is_broken: bool) -> None:
        assert self._pieces is not None
        self._pieces.append(False if is_broken else None)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _follow_pieces(self, head: Head | None) -> None:
        """Send what the worker hands over, as it comes."""
        try:
            headers = () if head is None else head[1]
            has_body = self.response.begin_pieces(_code(head), headers)
            self._around.log(self.response, self.begun)
            if has_body:
                await self._send_pieces()
        finally:
            self._around.finish(self)
            if self.worker is not None:
                # It stops at its next piece.
                self.worker.abandon()

    async def _send_pieces(self) -> None:
        """Send them as they come.

        A peer that has hung up is noticed at the next one: an endless stream would keep
        its worker for ever.
        """
        response = self.response
        while not response.is_gone:
            piece = await self._next_piece()
            if piece is None:
                response.end_pieces()
                return
            if isinstance(piece, bool):
                response.break_off()
                return
            if self.worker is not None:
                self.worker.give_room()
            if not response.send_piece(piece):
                return
            await response.drain()

    async def _next_piece(self) -> bytes | bool | None:
        assert self._pieces is not None
        while not self._pieces:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._pieces.popleft()


def _code(head: Head | None) -> int:
    if head is None:
        return HTTPStatus.INTERNAL_SERVER_ERROR
    code = head[0][:3]
    # Another one is refused where it is sent.
    return int(code) if code.isascii() and code.isdigit() else 0
