"""One connection to Redis for the bytes of messages: pipelined, on the loop.

Calls are written at once and answered in their order, so that an answer needs no
number. redis-py waits for each answer before it writes again and spends 46 µs of this
process on a call, this 27 (docs/explanation/redis.md); where the server is, and how to
get in, is redis-py's to say.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from channelshim.broker.redis.address import Address
from channelshim.broker.redis.clients import Place

DIAL_SECONDS: Final = 3.0
"""How long a server may take to accept, TLS included."""

Answer = Callable[[Any], None]
"""Takes a reply as hiredis makes it: bytes, int, None, lists of these, or an exception
of the server's for an error."""


def command(*words: bytes) -> bytes:
    """Return a command as bytes (redis.io, "RESP protocol spec")."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        parts.append(b"$%d\r\n" % len(word))
        parts.append(word)
        parts.append(b"\r\n")
    return b"".join(parts)


class Link(asyncio.Protocol):
    """A connection. Loop thread.

    Args:
        lost: called once, when it has ended, with the reason; not after `close`.
    """

    def __init__(self, lost: Callable[[Exception], None]) -> None:
        import hiredis

        self._lost: Callable[[Exception], None] | None = lost
        self._reader = hiredis.Reader()
        self._answers: deque[Answer] = deque()
        # uvloop's is no subclass of asyncio's.
        self._transport: Any = None
        self.unanswered_since: float = 0.0
        self._loop = asyncio.get_running_loop()

    def silent_seconds(self, now: float) -> float:
        """Return for how long a call has waited without a byte; 0 for none."""
        return now - self.unanswered_since if self._answers else 0.0

    def call(self, written: bytes, *answers: Answer) -> None:
        """Send commands in one write.

        Args:
            written: from `command`, one behind the other.
            *answers: one for each command, takes its reply; not called when the
                connection ends before.
        """
        if self._transport is None:
            return
        if not self._answers:
            self.unanswered_since = self._loop.time()
        self._answers.extend(answers)
        self._transport.write(written)

    def close(self) -> None:
        """End it; nothing is called any more."""
        self._lost = None
        self._answers.clear()
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    # --- asyncio.Protocol -----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = transport
        if self._lost is None:
            # Whoever has dialled has given up meanwhile.
            self.close()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self.unanswered_since = self._loop.time()
        try:
            self._reader.feed(data)
            while self._answers and (reply := self._reader.gets()) is not False:
                self._answers.popleft()(reply)
        except Exception as error:
            # Bytes that no Redis sends, or a fault of ours in an answer: what this
            # connection says is not to be trusted any more.
            self._end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._transport = None
        self._end(exc or ConnectionError("the server has closed the connection"))

    def _end(self, error: Exception) -> None:
        lost = self._lost
        self.close()
        if lost is not None:
            lost(error)


async def dial(
    place: Place,
    tls: ssl.SSLContext | None,
    address: Address,
    lost: Callable[[Exception], None],
) -> Link:
    """Return a link that is let in: authenticated, and with its database selected.

    Raises:
        OSError: there is no connection, or it was refused.
    """
    loop = asyncio.get_running_loop()
    # Made here: a dial that is cancelled may have connected all the same.
    link = Link(lost)
    if place.path:
        connecting: Any = loop.create_unix_connection(lambda: link, place.path)
    else:
        connecting = loop.create_connection(
            lambda: link,
            place.host,
            place.port,
            ssl=tls,
            server_hostname=place.host if tls is not None else None,
        )
    try:
        await asyncio.wait_for(connecting, DIAL_SECONDS)
        if address.password:
            user = [address.username.encode("utf-8")] if address.username else []
            await ask(link, b"AUTH", *user, address.password.encode("utf-8"))
        if address.database:
            await ask(link, b"SELECT", b"%d" % address.database)
    except BaseException as error:
        link.close()
        if isinstance(error, asyncio.TimeoutError):
            raise OSError("it does not answer") from None
        raise
    return link


async def ask(link: Link, *words: bytes) -> Any:
    """Send one command and return the reply.

    Raises:
        OSError: an error of the server's, or no answer in time.
    """
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def answer(reply: Any) -> None:
        if not future.done():
            future.set_result(reply)

    link.call(command(*words), answer)
    try:
        reply = await asyncio.wait_for(future, DIAL_SECONDS)
    except asyncio.TimeoutError:
        raise OSError("it does not answer") from None
    if isinstance(reply, Exception):
        raise OSError(str(reply))
    return reply


def evaluation(digest: bytes, key: bytes, arguments: Sequence[bytes]) -> bytes:
    """Return the command that runs a script with one key."""
    return command(b"EVALSHA", digest, b"1", key, *arguments)
