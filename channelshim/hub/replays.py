"""What pages have missed, written piece by piece as they take it.

Theory. A page that resumes may be owed all of a window. Written at once, thousands of
pages would hold thousands of windows in their transports. So a page gets one piece, and
no reference to the rest: its own number says where to go on, and the window still has
it. Each further piece is an attach of its own, after that number: what is delivered
meanwhile is in it, or follows it, as contracts.Broker promises of every attach. The
page is not among the subscriber's connections until a piece was the last one, so that
no delivery passes it by or comes before its turn. A page that is slower than its
window loses messages to it has to come back: the hello shows the gap.

One piece is written in a turn of the loop, and none while the page's reader is behind.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from channelshim.contracts.broker import Attachment, Broker, Replay
from channelshim.errors import BrokerError
from channelshim.hub.connections import Connection, FrameCache, Subscriber

_logger: Final = logging.getLogger("channelshim.hub")


class _Rest:
    """What is known of a page that has not caught up.

    Attributes:
        subscriber: of its client id.
        attachment: asked for, and not answered.
        is_asking: whether the broker is asked, or is going to be.
    """

    __slots__ = ("attachment", "is_asking", "subscriber")

    def __init__(self, subscriber: Subscriber) -> None:
        self.subscriber = subscriber
        self.attachment: Attachment | None = None
        self.is_asking = False


class Replays:
    """The attached pages that have not caught up. Loop thread.

    Args:
        broker: has the windows.
        frames: the hub's.
        end: detaches a page, and has it come back.
    """

    def __init__(
        self, broker: Broker, frames: FrameCache, end: Callable[[Connection], None]
    ) -> None:
        self._broker = broker
        self._frames = frames
        self._end = end
        self._rests: dict[Connection, _Rest] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin on this loop."""
        self._loop = loop

    def stop(self) -> None:
        """Ask nothing any more."""
        for connection in list(self._rests):
            self.end(connection)

    def begin(self, connection: Connection, subscriber: Subscriber) -> None:
        """Write the rest to a page, from its number on, soon."""
        subscriber.replaying += (connection,)
        self._rests[connection] = _Rest(subscriber)
        self.go_on(connection)

    def go_on(self, connection: Connection) -> None:
        """Write the next piece soon; nothing for a page that has caught up."""
        rest = self._rests.get(connection)
        if rest is not None and not rest.is_asking:
            assert self._loop is not None
            rest.is_asking = True
            self._loop.call_later(0.0, self._ask, connection, rest)

    def end(self, connection: Connection) -> None:
        """Forget a page that is detached."""
        rest = self._rests.pop(connection, None)
        if rest is not None and rest.attachment is not None:
            rest.attachment.cancel()

    def _ask(self, connection: Connection, rest: _Rest) -> None:
        if self._rests.get(connection) is not rest:
            return
        if not connection.takes_more():
            # It calls.
            rest.is_asking = False
            return
        attachment = self._broker.attach(
            connection.client_id,
            rest.subscriber,
            connection.number,
            partial(self._write, connection, rest),
            partial(self._fail, connection),
        )
        if rest.is_asking and self._rests.get(connection) is rest:
            rest.attachment = attachment

    def _write(self, connection: Connection, rest: _Rest, replay: Replay) -> None:
        rest.attachment = None
        rest.is_asking = False
        if replay.number != connection.number:
            _logger.info("a page reads more slowly than its window moves")
            self._end(connection)
            return
        piece, count = self._frames.piece(replay.texts)
        connection.number += count
        if count == len(replay.texts):
            rest.subscriber.drop(connection)
            rest.subscriber.append(connection)
            del self._rests[connection]
        else:
            self.go_on(connection)
        if piece:
            connection.write(piece)

    def _fail(self, connection: Connection, error: BrokerError) -> None:
        _logger.debug("a page is told to come back: %s", error)
        self._end(connection)
