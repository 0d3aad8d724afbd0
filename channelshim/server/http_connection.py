"""An HTTP connection as those see it who bound it: held, refused and ended."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Final, cast

from channelshim.kernel import sockets
from channelshim.server.encrypted import EncryptedTransport
from channelshim.server.joined_writes import JoinedWrites
from channelshim.server.uvicorn_names import (
    HIGH_WATER_LIMIT,
    FlowControl,
    HttpToolsProtocol,
)
from channelshim.transports.connection_table import ConnectionTable, State, Watched
from channelshim.transports.polling import PATH_POLL

_DROP_PAUSE_SECONDS = 0.01
"""Between two reads of what is dropped: 25 MB/s."""

_TRY_AGAIN: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


class _Flow(FlowControl):
    """uvicorn's flow control, which reads on for each answer and each body.

    Attributes:
        is_held: nothing is read while bytes wait for their turn.
    """

    is_held = False

    def resume_reading(self) -> None:
        if not self.is_held:
            super().resume_reading()


class HttpConnection(HttpToolsProtocol, Watched):
    """One HTTP connection, without what it reads.

    Whoever is refused, or answered before its body has come, is read on for a while,
    all dropped: bytes that nobody reads make the kernel reset the connection, and the
    peer might never see the answer.
    """

    table: ClassVar[ConnectionTable]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._requests = 0
        self._is_in_body = False
        # Of all bodies, and as far as the budget knows.
        self._body_bytes = 0
        self._charged_bytes = 0
        # All is answered, and nothing has come since.
        self._is_idle = False
        self._is_behind = False
        # What comes is dropped: the peer is to take what was said, and to close.
        self._is_lingering = False
        self._is_refused = False
        # What was read is still answered, and no further request is read.
        self._is_stopping = False
        # Why what came behind the request in hand is refused.
        self._refusal = ""
        # Kept until its turn, and how much of it is parsed.
        self._unparsed = b""
        self._parsed_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection."""
        if sockets.is_encrypted(transport):
            encrypted: Any = EncryptedTransport(transport)
            transport = encrypted
        joined: Any = JoinedWrites(transport, self.loop, self._lingers)
        super().connection_made(joined)
        self.flow = self._flow = _Flow(joined)
        self.table.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what waits, and tell the request in hand."""
        self._unparsed = b""
        self.table.remove(self)
        self.table.sends.give_back(self)
        self.table.bodies.give_back(self)
        super().connection_lost(exc)

    def _is_in_hand(self) -> bool:
        """Return whether a whole request waits for its answer."""
        cycle = self.cycle
        return not (cycle is None or cycle.response_complete or self._is_in_body)

    # --- Holding ----------------------------------------------------------------------

    def _keep(self, data: bytes, parsed_bytes: int = 0) -> None:
        """Keep what waits for its turn, and read no more meanwhile."""
        self._unparsed = data
        self._parsed_bytes = parsed_bytes
        self._flow.is_held = True
        if not self.transport.is_closing():
            self.flow.pause_reading()

    def _release(self) -> None:
        """Read again, unless the app is to take some of a body first."""
        if self._is_stopping and not (self._is_lingering or self._is_in_body):
            return
        self._flow.is_held = False
        is_full = self._is_in_body and len(self.cycle.body) > HIGH_WATER_LIMIT
        if not (is_full or self.transport.is_closing()):
            self.flow.resume_reading()

    def shutdown(self) -> None:
        """Close, or have the last answer do so; called again and again by a stop."""
        if self._unparsed and not self._is_lingering:
            self._is_stopping = True
        else:
            super().shutdown()

    def give_up(self) -> bool:
        """End the connection at the end of a stop.

        Returns:
            whether its peer is told to try again: nothing of an answer was sent.
        """
        cycle = self.cycle
        is_sent = cycle is None or cycle.response_started
        if is_sent or self._is_lingering or self.transport.is_closing():
            self.drop()
            return False
        # Whatever the app still answers is dropped.
        self._refuse_with(_TRY_AGAIN)
        return True

    # --- Refusing ---------------------------------------------------------------------

    def _refuse(self, status_line: str) -> None:
        """Refuse what has come, once the request in hand is answered."""
        if self._is_in_hand():
            self._refusal = status_line
            self._keep(b"")
            return
        head = f"HTTP/1.1 {status_line}\r\nContent-Length: 0\r\nConnection: close\r\n"
        self._refuse_with(head.encode("ascii") + b"\r\n")

    def _refuse_with(self, answer: bytes) -> None:
        """Answer, and close once the peer has had time to take it."""
        self._is_refused = True
        self.transport.write(answer)
        self.transport.close()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            # Its body will not come.
            cycle.disconnected = True
            cycle.message_event.set()

    def _lingers(self) -> bool:
        """Go over to dropping what comes, if the peer may still be sending."""
        if self._is_refused or self._is_in_body:
            self._is_lingering = True
            self._unparsed = b""
            self.table.bodies.give_back(self)
            self._release()
        return self._is_lingering

    def _charge_body(self) -> bool:
        """Charge what has come of a body in this turn; return False when refused."""
        size, self._charged_bytes = (
            self._body_bytes - self._charged_bytes,
            self._body_bytes,
        )
        return self.table.bodies.take(self, size)

    def _drop_slowly(self) -> None:
        """Read no more for a moment: others have their turn."""
        if not self.transport.is_closing():
            self.flow.pause_reading()
            self.loop.call_later(_DROP_PAUSE_SECONDS, self._release)

    # --- BodyBudget -------------------------------------------------------------------

    def refuse_body(self) -> None:
        """See Uploader."""
        self._refuse("503 Service Unavailable")

    # --- SendBudget -------------------------------------------------------------------

    def pause_writing(self) -> None:
        """Note that the reader is behind."""
        self._is_behind = True
        super().pause_writing()
        self.table.sends.take(self, self.waiting_bytes())

    def resume_writing(self) -> None:
        """Note that the reader has caught up, for now."""
        self._is_behind = False
        self.table.sends.give_back(self)
        super().resume_writing()

    def waiting_bytes(self) -> int:
        """See Reader."""
        return self.transport.get_write_buffer_size()

    def cut(self) -> None:
        """See Reader."""
        self.drop()

    # --- ConnectionTable --------------------------------------------------------------

    def state(self) -> State:
        """See Watched."""
        if self._is_lingering:
            return State.REFUSED
        if self._is_behind or self.transport.get_write_buffer_size():
            return State.ANSWER
        if self.transport.is_closing():
            return State.CLOSING
        cycle = self.cycle
        if self._is_in_body:
            return State.BODY
        if not (cycle is None or cycle.response_complete):
            is_poll = cycle.scope["path"] == PATH_POLL
            return State.POLL if is_poll else State.HANDLER
        return State.IDLE if self._is_idle else State.HEAD

    def progress(self) -> int:
        """See Watched."""
        state = self.state()
        if state is State.ANSWER:
            return cast("JoinedWrites", self.transport).taken_bytes()
        # Each request begins anew.
        bytes_here = self._body_bytes if state is State.BODY else 0
        return (self._requests << 40) + bytes_here

    def end(self, state: State) -> None:
        """See Watched."""
        cycle = self.cycle
        if state is State.IDLE:
            self.transport.close()
        elif state is State.HEAD or (
            state is State.BODY and not (cycle is None or cycle.response_started)
        ):
            self._refuse("408 Request Timeout")
        else:
            self.drop()

    def drop(self) -> None:
        """See Watched."""
        sockets.reset(self.transport)

    def abandon(self) -> None:
        """See Watched."""
        self.transport.abort()
