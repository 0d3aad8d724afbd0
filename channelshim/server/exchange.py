"""One request on the loop: what its worker answers, and how that is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, cast

from channelshim.runtime.file_pieces import FilePieces
from channelshim.server.request_body import Receive, disconnected
from channelshim.server.response_bytes import BODILESS
from channelshim.server.response_events import (
    TEXT_HEADERS,
    Headers,
    Send,
    header_bytes,
    send_whole,
)

if TYPE_CHECKING:
    from channelshim.server.uvicorn_names import RequestResponseCycle

CallSoon = Callable[[Callable[[], None]], object]
WhenSafe = Callable[[Callable[[], None]], None]
Head = tuple[str, list[tuple[str, str]]]
"""The status line and the headers, as the app has said them."""


class Worker(Protocol):
    """What runs the app for a request. Called on the loop."""

    def give_room(self) -> None:
        """Take one more piece: one has been sent."""

    def abandon(self) -> None:
        """Stop at the next piece: nobody wants the answer."""


class Exchange:
    """One request and its answer. Loop thread.

    Nothing is sent before the messages that its handler has sent are safe.

    Args:
        environ: the WSGI environment.
        call_soon: has a function called on the loop, from any thread.
        when_safe: calls a function when the messages of this process are safe; see
            contracts.Broker.
        hold: called when the app has answered and its messages are not safe yet.

    Attributes:
        environ: as given.
        call_soon: as given.
        begun: loop time at which its body was here.
        path: of its address.
        on_first: called once, when the answer or its first piece is here and safe.
        worker: runs the app; set by the executor, None once it is done.
    """

    def __init__(
        self,
        environ: dict[str, Any],
        call_soon: CallSoon | None,
        when_safe: WhenSafe,
        hold: Callable[[Exchange], None],
    ) -> None:
        self.environ = environ
        self._loop = asyncio.get_running_loop()
        self.call_soon: CallSoon = call_soon or self._loop.call_soon_threadsafe
        self._when_safe = when_safe
        self._hold = hold
        self.begun: float = self._loop.time()
        self.path: str = environ["PATH_INFO"]
        self.on_first: Callable[[], None] | None = None
        self.worker: Worker | None = None
        self._head: Head | None = None
        self._whole = b""
        self._is_answered = False
        self._is_finished = False
        # A task that waits for one of these two.
        self._waiter: asyncio.Future[None] | None = None
        # Of a streamed answer: (piece, whether it is the last).
        self._pieces: asyncio.Queue[tuple[bytes, bool]] | None = None
        self._file: FilePieces | None = None
        # Whether it ended in the middle of a streamed answer.
        self._is_broken = False

    @property
    def is_streamed(self) -> bool:
        """Return whether the answer is more than a head and a body."""
        return self._pieces is not None or self._file is not None

    # --- What the executor calls --------------------------------------------------

    def take_whole(self, head: Head | None, body: bytes) -> None:
        """Take a whole answer; no head when the app has not answered."""
        self._head = head
        self._whole = body
        self._finish()

    def take_file(self, head: Head | None, file: FilePieces) -> None:
        """Take an answer whose body is a file."""
        self._head = head
        self._file = file
        self._finish()

    def take_piece(self, head: Head | None, piece: bytes) -> None:
        """Take a piece of an answer."""
        if self._pieces is None:
            self._head = head
            self._pieces = asyncio.Queue()
            self._when_safe(self._note_answered)
        self._pieces.put_nowait((piece, False))

    def end_pieces(self, *, is_broken: bool = False) -> None:
        """Take no more pieces.

        Args:
            is_broken: whether the answer broke off.
        """
        self._is_finished = True
        self.worker = None
        self._is_broken = is_broken
        self._when_safe(self._put_end)
        self._wake()

    def _put_end(self) -> None:
        assert self._pieces is not None
        self._pieces.put_nowait((b"", True))

    def _finish(self) -> None:
        self._is_finished = True
        # They refer to each other.
        self.worker = None
        self._when_safe(self._note_answered)
        if not self._is_answered:
            self._hold(self)

    # --- What the bridge calls ----------------------------------------------------

    def _note_answered(self) -> None:
        self._is_answered = True
        self._wake()
        if self.on_first is not None:
            # It refers to this object.
            on_first, self.on_first = self.on_first, None
            on_first()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        await self._waiter

    def whole_answer(self) -> tuple[int, Headers, bytes]:
        """Return status, headers and body of an answer that is here whole."""
        if self._head is None:
            text = b"The app did not answer."
            return HTTPStatus.INTERNAL_SERVER_ERROR, TEXT_HEADERS, text
        status, headers = self._head
        return int(status.split(" ", 1)[0]), headers, self._whole

    async def answer(self, receive: Receive, send: Send) -> None:
        """Send what the worker hands over, as it comes."""
        while not self._is_answered:
            await self._wait()
        if self._head is None or not self.is_streamed:
            method = self.environ["REQUEST_METHOD"]
            await send_whole(send, *self.whole_answer(), method)
            return
        status, headers = self._head
        code = int(status.split(" ", 1)[0])
        if code in BODILESS:
            # Its pieces are dropped, and the worker stops at the next one.
            if self._file is not None:
                self._file.close()
            await send_whole(send, code, headers, b"")
            return
        head = header_bytes(headers, None)
        await send({"type": "http.response.start", "status": code, "headers": head})
        # uvicorn drops what is sent to a peer that has hung up, and says nothing: an
        # endless stream would keep its worker for ever.
        gone = asyncio.ensure_future(disconnected(receive))
        try:
            if self._file is not None:
                await self._send_file(send, gone, self._file)
            elif not await self._send_pieces(send, gone):
                # With a last chunk, or on a connection that goes on, it would look
                # whole (RFC 9112, 8).
                _cycle_of(send).transport.close()
                await gone
        finally:
            gone.cancel()

    async def _send_file(
        self, send: Send, gone: asyncio.Future[None], file: FilePieces
    ) -> None:
        """Send a file without its worker; a disk may be slow, so in another thread."""
        try:
            is_last = False
            while not (is_last or gone.done()):
                piece = await self._loop.run_in_executor(None, next, file, b"")
                is_last = not piece
                body = {"body": piece, "more_body": not is_last}
                await send({"type": "http.response.body", **body})
        finally:
            file.close()

    async def _send_pieces(self, send: Send, gone: asyncio.Future[None]) -> bool:
        """Send them as they come; return False when the app broke off."""
        assert self._pieces is not None
        is_last = False
        while not (is_last or gone.done()):
            piece, is_last = await self._pieces.get()
            if is_last and self._is_broken:
                return False
            if self.worker is not None:
                self.worker.give_room()
            more = not is_last
            await send({"type": "http.response.body", "body": piece, "more_body": more})
        return True

    async def wait_for_worker(self) -> None:
        """Wait until the worker is done; one that streams stops at its next piece."""
        if self.worker is not None:
            self.worker.abandon()
        while not self._is_finished:
            await self._wait()


def _cycle_of(send: Send) -> RequestResponseCycle:
    """Return uvicorn's object whose method send is; it alone has the transport."""
    return cast("RequestResponseCycle", send.__self__)  # type: ignore[attr-defined]
