"""An HTTP connection as those see it who bound it: held, refused and ended."""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any, Final

from channelshim.kernel import sockets
from channelshim.server.encrypted import EncryptedTransport
from channelshim.server.joined_writes import JoinedWrites
from channelshim.server.request import Address
from channelshim.server.request_body import Upload
from channelshim.server.response import Response
from channelshim.server.service import Service
from channelshim.transports.connection_table import State, Watched
from channelshim.transports.polling import PATH_POLL

_logger: Final = logging.getLogger("channelshim.server")

_DROP_PAUSE_SECONDS = 0.01
"""Between two reads of what is dropped: 25 MB/s."""

_TRY_AGAIN: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


FIRST_REQUEST_SECONDS: Final = 0.5
"""For which a stop waits for the first request of a connection that was just made: its
peer was told that it is connected, and a reload refuses nobody."""


class HttpConnection(asyncio.Protocol, Watched):
    """One HTTP connection, without what it reads. Loop thread.

    Whoever is refused, or answered before its body has come, is read on for a while,
    all dropped: bytes that nobody reads make the kernel reset the connection, and the
    peer might never see the answer.

    Args:
        service: of its listener.

    Attributes:
        service: as given.
        transport: takes what is written.
        is_in_body: whether the head of a request is here, and its body not yet.
        is_behind: whether what was written waits for its reader.
    """

    transport: JoinedWrites

    def __init__(self, service: Service) -> None:
        self.service: Service = service
        self.is_in_body: bool = False
        self.is_behind: bool = False
        self._loop = asyncio.get_running_loop()
        self._server: Address | None = None
        self._scheme = "http"
        self._client: Address | None = None
        self._made_at = self._loop.time()
        # To the request in hand: its head is here, and its answer not written.
        self._response: Response | None = None
        # The body that is coming, if somebody may read it.
        self._upload: Upload | None = None
        self._requests = 0
        # Of all bodies, and as far as the budget knows.
        self._body_bytes = 0
        self._charged_bytes = 0
        # All is answered, and nothing has come since.
        self._is_idle = False
        # What comes is dropped: the peer is to take what was said, and to close.
        self._is_lingering = False
        self._is_refused = False
        # What was read is still answered, and no further request is read.
        self._is_stopping = False
        self._is_reading = True
        # Set when the reader has caught up; there while somebody waits for that.
        self._writable: asyncio.Event | None = None
        # Why what came behind the request in hand is refused.
        self._refusal = ""
        # Kept until its turn, and how much of it is parsed.
        self._unparsed = b""
        self._parsed_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection."""
        is_encrypted = sockets.is_encrypted(transport)
        if is_encrypted:
            encrypted: Any = EncryptedTransport(transport)
            transport = encrypted
        self._scheme = "https" if is_encrypted else "http"
        self.transport = JoinedWrites(transport, self._loop, self._lingers)
        self._server = _address(transport, "sockname")
        self._client = _address(transport, "peername")
        self.service.connections.add(self)
        self.service.table.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what waits, and tell the request in hand."""
        self._unparsed = b""
        self.service.connections.discard(self)
        self.service.table.remove(self)
        self.service.table.sends.give_back(self)
        self.service.table.bodies.give_back(self)
        self._give_up_request(HTTPStatus.BAD_REQUEST)
        self._note_writable()

    def _give_up_request(self, refusal: HTTPStatus) -> None:
        """Have the request in hand hear that its peer is gone, or was refused."""
        response, self._response = self._response, None
        upload, self._upload = self._upload, None
        if response is not None:
            response.lose()
        if upload is not None:
            # One cut short never looks whole.
            upload.cut(refusal)
            upload.settle()

    def _is_in_hand(self) -> bool:
        """Return whether a whole request waits for its answer."""
        return self._response is not None and not self.is_in_body

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine as a task that the server's stop cancels."""
        task = self._loop.create_task(self._logged(coroutine))
        self.service.tasks.add(task)
        task.add_done_callback(self.service.tasks.discard)

    async def _logged(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        except Exception:
            _logger.exception("an answer failed")
            self.transport.close()

    @abstractmethod
    def on_response_complete(self) -> None:
        """Go on with what waits, or wait for another request."""

    # --- Holding ----------------------------------------------------------------------

    def _pause_reading(self) -> None:
        if self._is_reading and not self.transport.is_closing():
            self._is_reading = False
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if not self._is_reading and not self.transport.is_closing():
            self._is_reading = True
            self.transport.resume_reading()

    def _keep(self, data: bytes, parsed_bytes: int = 0) -> None:
        """Keep what waits for its turn, and read no more meanwhile."""
        self._unparsed = data
        self._parsed_bytes = parsed_bytes
        self._is_idle = False
        self._pause_reading()

    def _release(self) -> None:
        """Read again, unless no further request is to be read."""
        if not self._is_stopping or self._is_lingering or self.is_in_body:
            self._resume_reading()

    def shutdown(self) -> None:
        """Close, or have the last answer do so; called again and again by a stop."""
        if self._unparsed and not self._is_lingering:
            self._is_stopping = True
        elif self._response is not None:
            self._response.close_after()
        elif not self._awaits_first_request():
            self.transport.close()

    def _awaits_first_request(self) -> bool:
        """Whether its peer has hardly had the time to send a first request."""
        age = self._loop.time() - self._made_at
        return not self._requests and age < FIRST_REQUEST_SECONDS

    def give_up(self) -> bool:
        """End the connection at the end of a stop.

        Returns:
            whether its peer is told to try again: nothing of an answer was sent.
        """
        is_sent = self._response is None or self._response.status
        if is_sent or self._is_lingering or self.transport.is_closing():
            self.drop()
            return False
        # Whatever the app still answers is dropped.
        self._refuse_with(_TRY_AGAIN, HTTPStatus.SERVICE_UNAVAILABLE)
        return True

    # --- Refusing ---------------------------------------------------------------------

    def _refuse(self, status_line: str) -> None:
        """Refuse what has come, once the request in hand is answered."""
        if self._is_in_hand():
            self._refusal = status_line
            self._keep(b"")
            return
        head = f"HTTP/1.1 {status_line}\r\nContent-Length: 0\r\nConnection: close\r\n"
        status = HTTPStatus(int(status_line[:3]))
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            head += "Retry-After: 1\r\n"
        self._refuse_with(head.encode("ascii") + b"\r\n", status)

    def _refuse_with(self, answer: bytes, status: HTTPStatus) -> None:
        """Answer, and close once the peer has had time to take it."""
        self._is_refused = True
        self.transport.write(answer)
        self.transport.close()
        # Its body will not come.
        self._give_up_request(status)

    def _lingers(self) -> bool:
        """Go over to dropping what comes, if the peer may still be sending."""
        if self._is_refused or self.is_in_body:
            self._is_lingering = True
            self._unparsed = b""
            self.service.table.bodies.give_back(self)
            self._release()
        return self._is_lingering

    def _charge_body(self) -> bool:
        """Charge what has come of a body in this turn; return False when refused."""
        size = self._body_bytes - self._charged_bytes
        self._charged_bytes = self._body_bytes
        upload = self._upload
        expected = 0 if upload is None else upload.length or 0
        return self.service.table.bodies.take(self, size, expected)

    def _drop_slowly(self) -> None:
        """Read no more for a moment: others have their turn."""
        if not self.transport.is_closing():
            self._pause_reading()
            self._loop.call_later(_DROP_PAUSE_SECONDS, self._release)

    # --- BodyBudget -------------------------------------------------------------------

    def refuse_body(self) -> None:
        """See Uploader."""
        self._refuse("503 Service Unavailable")

    # --- SendBudget -------------------------------------------------------------------

    def pause_writing(self) -> None:
        """Note that the reader is behind."""
        self.is_behind = True
        self.service.table.sends.take(self, self.waiting_bytes())

    def resume_writing(self) -> None:
        """Note that the reader has caught up, for now."""
        self.service.table.sends.give_back(self)
        self._note_writable()

    def _note_writable(self) -> None:
        self.is_behind = False
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    async def drain(self) -> None:
        """Wait until the reader is not behind, or gone."""
        if self.is_behind:
            if self._writable is None:
                self._writable = asyncio.Event()
            await self._writable.wait()

    def waiting_bytes(self) -> int:
        """See Reader."""
        return self.transport.get_write_buffer_size()

    def cut(self) -> None:
        """See Reader."""
        self.service.table.sends.note_cut()
        self.drop()

    # --- ConnectionTable --------------------------------------------------------------

    def state(self) -> State:
        """See Watched."""
        if self._is_lingering:
            return State.REFUSED
        if self.is_behind or self.transport.get_write_buffer_size():
            return State.ANSWER
        if self.transport.is_closing():
            return State.CLOSING
        if self.is_in_body:
            return State.BODY
        if self._response is not None:
            is_poll = self._response.request.path == PATH_POLL
            return State.POLL if is_poll else State.HANDLER
        return State.IDLE if self._is_idle else State.HEAD

    def progress(self) -> int:
        """See Watched."""
        state = self.state()
        if state is State.ANSWER:
            return self.transport.taken_bytes()
        # Each request begins anew.
        bytes_here = self._body_bytes if state is State.BODY else 0
        return (self._requests << 40) + bytes_here

    def end(self, state: State) -> None:
        """See Watched."""
        response = self._response
        if state is State.IDLE:
            self.transport.close()
        elif state is State.HEAD or (
            state is State.BODY and response is not None and not response.status
        ):
            self._refuse("408 Request Timeout")
        elif state is State.ANSWER:
            self.cut()
        else:
            self.drop()

    def drop(self) -> None:
        """See Watched."""
        sockets.reset(self.transport.transport)

    def abandon(self) -> None:
        """See Watched."""
        self.transport.abort()


def _address(transport: asyncio.Transport, name: str) -> Address | None:
    """Return an end of a connection; None when the system no longer knows it."""
    try:
        found = transport.get_extra_info(name)
    except OSError:
        # uvloop asks the system; the peer may be gone.
        return None
    # IPv6 has two more items.
    return (str(found[0]), int(found[1])) if isinstance(found, tuple) else None
