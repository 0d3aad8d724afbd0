"""The HTTP of one connection: a request at a time, in order, a little in a turn."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import httptools

from channelshim.server import refusals, request_line
from channelshim.server.http_messages import HttpMessages
from channelshim.transports import handshake
from channelshim.transports.acceptor import Acceptor

TURN_BYTES: Final = 4 << 10
"""What is parsed of the head of a request in a turn."""

BODY_TURN_BYTES: Final = 64 << 10
"""The same of a body; of one in the smallest chunks a kilobyte, which takes as long."""

FREE_TURNS: Final = 16
"""That a request has at once, before it waits for each: the longest head, or a body of
1 MiB."""

_SLICE_COST = 256
"""What a slice counts at least: the smallest cost as much."""

_BODY_COST = BODY_TURN_BYTES // TURN_BYTES
"""Bytes of a body that cost as much as one of a head."""

_PIECE_COST = 24
"""What a piece of a body counts besides: 170 of them, in a turn, take 0.05 ms."""

_LONG_SLICE = 16 << 10
_SHORT_SLICE = 1 << 10
_MOST_LINES = 128
"""Chunks are parsed in long slices where no more lines end in one, and there are two to
a chunk. Where the lines are those of a text, in long chunks, short ones do no harm."""

_HEAD_END = b"\r\n\r\n"
_TAIL_BYTES = len(_HEAD_END) - 1


class HttpProtocol(HttpMessages):
    """One HTTP connection.

    httptools parses and bounds nothing: headers, slow peers and requests in a row are
    bounded here, in http_messages and in http_connection.

    Theory. One request is parsed at a time. What comes behind it is kept as bytes, and
    nothing more is read, until it has been answered. So an answer, a refusal or an
    upgrade never overtakes the answer before it, and a connection holds one parsed
    request and one read of the transport at most, however much its peer sends. Of what
    was read, TURN_BYTES are parsed in a turn; the rest waits for the next one, which
    comes at once for FREE_TURNS of a request, and then when `Turns` says.
    """

    # The last bytes of a request that is not whole: the end of its head may be cut.
    _tail = b""
    # Seconds for which it has waited for turns, and loop time since when it waits now;
    # None while it does not.
    _held_seconds = 0.0
    _waits_since: float | None = None

    # --- Reading --------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Feed the parser, as far as what comes is its peer's turn."""
        if self._is_lingering:
            self._drop_slowly()
            return
        self._is_idle = False
        if self._is_between_requests and not self._unparsed:
            self._turns = 0
        if self._unparsed or self._is_in_hand():
            # The former by a read that was under way when reading was paused.
            self._keep(self._unparsed[self._parsed_bytes :] + data)
        elif (
            self._line == b""
            and len(data) <= TURN_BYTES
            and 0 <= data.find(_HEAD_END) == len(data) - len(_HEAD_END)
            and data.isascii()
        ):
            # Nearly everything: one head and nothing else.
            taken = self._feed(data)
            if not self._is_between_requests:
                self._line = None
                self._keep_tail(data)
            self._go_on(data, taken)
        else:
            self._parse(data, 0)

    def _parse(self, data: bytes, at: int) -> None:
        """Parse data from there on, until its turn is over."""
        view = memoryview(data)
        left = TURN_BYTES
        while (
            left > 0
            and at < len(data)
            and not (self._is_in_hand() or self._is_lingering or self._is_upgrade)
        ):
            is_body, pieces = self.is_in_body, self._body_pieces
            end = self._slice_end(data, at, left)
            taken = cost = self._feed_line(view[at:end])
            if is_body:
                pieces = self._body_pieces - pieces
                cost = taken // _BODY_COST + pieces * _PIECE_COST
            left -= max(cost, _SLICE_COST)
            at += taken
            self._keep_tail(data[max(at - _TAIL_BYTES, at - taken) : at])
        self._go_on(data, at)

    def _keep_tail(self, fed: bytes) -> None:
        """Keep what a request that is not whole ends with, as far as it was fed."""
        whole = self._is_between_requests
        self._tail = b"" if whole else (self._tail + fed)[-_TAIL_BYTES:]

    def _slice_end(self, data: bytes, at: int, most: int) -> int:
        """Return the end of a slice that goes beyond no request."""
        if self.is_in_body:
            if self._body_left > 0:
                return min(at + self._body_left, at + BODY_TURN_BYTES, len(data))
            is_long = data.count(b"\n", at, at + _LONG_SLICE) <= _MOST_LINES
            most = _LONG_SLICE if is_long else _SHORT_SLICE
        # So end heads, and bodies in chunks.
        end = min(at + most, len(data))
        found = (self._tail + data[at:end]).find(_HEAD_END)
        return end if found < 0 else at - len(self._tail) + found + len(_HEAD_END)

    def _go_on(self, data: bytes, at: int) -> None:
        """Begin what was parsed, and keep what was not."""
        if self._is_lingering:
            return
        if self._is_upgrade:
            self._is_upgrade = False
            self._upgrade(data[at:])
            return
        if not self._begin():
            return
        if at < len(data):
            self._keep(data, at)
            if not self._is_in_hand():
                self._wait_for_turn()
        elif not self._is_reading:
            self._release()

    def _wait_for_turn(self) -> None:
        self._turns += 1
        if self._turns <= FREE_TURNS:
            self._loop.call_soon(self._read_on)
        else:
            self._waits_since = self._loop.time()
            self.service.table.turns.wait(self._take_turn)

    def _take_turn(self) -> None:
        self._held_seconds = self.held_seconds()
        self._waits_since = None
        self._read_on()

    def held_seconds(self) -> float:
        """See Watched."""
        if self._waits_since is None:
            return self._held_seconds
        return self._held_seconds + self._loop.time() - self._waits_since

    def _begin(self) -> bool:
        """Have somebody answer what is new, and hear of a body that has ended.

        Returns:
            whether to read on; False when the request was refused.
        """
        response, upload = self._response, self._upload
        if self._is_new and response is not None:
            # When all that came with its head is read: most bodies have come whole.
            self._is_new = False
            self.service.begin(response)
        if upload is not None:
            upload.settle()
            if not self.is_in_body:
                self._upload = None
            elif not self._is_lingering:
                self._charge_body()
        return not self._is_lingering

    def _read_on(self) -> None:
        """Parse what was kept, as far as its turn goes."""
        if self._is_lingering or self.transport.is_closing():
            self._unparsed = b""
        elif self._unparsed and not self._is_in_hand():
            data, self._unparsed = self._unparsed, b""
            self._parse(data, self._parsed_bytes)

    def on_response_complete(self) -> None:
        """Go on with what waits, or wait for another request."""
        self._response = None
        if self.transport.is_closing() or self._is_lingering:
            return
        if self._refusal:
            self._refuse(self._refusal)
        elif self._unparsed:
            self._loop.call_soon(self._read_on)
        else:
            self._is_idle = True
            if not self._is_reading:
                self._resume_reading()

    # --- Feeding ----------------------------------------------------------------------

    def _feed_line(self, piece: memoryview) -> int:
        """Parse a piece that may be of a request line; return how much was taken."""
        before = self._line
        if before is None:
            return self._feed(piece)
        data, self._line = request_line.quoted(bytes(piece), before)
        return self._feed(data, before) - (len(data) - len(piece))

    def _feed(self, data: bytes | memoryview, line: bytes | None = b"") -> int:
        """Parse bytes of one request; return how much of them was taken.

        Args:
            data: no others.
            line: what the request line begins with, before data.
        """
        parser = self._parser
        assert parser is not None
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._has_skipped_body:
                # One to another protocol is a request as any.
                self._read_skipped_body()
            taken: int = upgrade.args[0]
            return taken
        except httptools.HttpParserInvalidMethodError:
            is_unknown = request_line.has_unknown_method((line or b"") + bytes(data))
            unknown, bad = refusals.NOT_IMPLEMENTED, refusals.BAD_REQUEST
            self._refuse(unknown if is_unknown else bad)
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, refusals.RefusedHead):
                self._refuse(cause.status_line)
            else:
                self._refuse(refusals.BAD_REQUEST)
        return len(data)

    # --- Upgrades ---------------------------------------------------------------------

    def _upgrade(self, rest: bytes) -> None:
        """Hand the connection over, or refuse."""
        acceptor = self.service.acceptor
        refusal = (
            handshake.not_here()
            if acceptor is None
            else acceptor.refusal(
                self._method,
                self._version,
                self._target,
                self._headers,
                self._client[0] if self._client else "",
            )
        )
        if self.is_behind:
            # An answer before it is not read: what would follow could wait for ever.
            self._refuse(refusals.BAD_REQUEST)
        elif refusal:
            self._refuse_with(refusal, HTTPStatus(int(refusal[9:12])))
        elif acceptor is not None:
            self._hand_over(acceptor, rest)

    def _hand_over(self, acceptor: Acceptor, rest: bytes) -> None:
        self.service.connections.discard(self)
        self._resume_reading()
        self.transport.flush()
        acceptor.accept(
            self.transport.transport, self._target, self._headers, rest, self
        )
        # The parser and this object refer to each other: the connection goes on for
        # hours, this should not.
        self._unparsed = b""
        self._parser = None
