"""Writes what the broker has collected: each text to those that are owed it, at once.

A connection says by its number what it has, so whoever is not where a delivery begins
is written to by itself, or told to come back and resume.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from channelshim.contracts.broker import Broker, Delivery
from channelshim.contracts.clock import Clock
from channelshim.hub.connections import Connection, FrameCache, Sender
from channelshim.hub.pacing import Pacing
from channelshim.hub.passes import Passes

_logger: Final = logging.getLogger("channelshim.hub")


class Deliveries:
    """Passes over what was published, and the writes of each. Loop thread.

    Args:
        broker: collects.
        clock: the time.
        frames: of texts.
        sender: writes the same frames to each of many connections.
        pacing: says which handlers run, for passes that wait for them.
        pause_seconds: longest time for which a pass is put off.
        detach: ends the delivery to a connection.
        end: does that, and tells its page to come back.

    Attributes:
        passes: say when `deliver` is called.
        written: how many messages were written, each connection counted.
        unwritten: texts of the write in hand: nobody knows whether they were written.
    """

    def __init__(
        self,
        broker: Broker,
        clock: Clock,
        frames: FrameCache,
        sender: Sender,
        pacing: Pacing,
        *,
        pause_seconds: float,
        detach: Callable[[Connection], None],
        end: Callable[[Connection], None],
    ) -> None:
        self._broker = broker
        self._clock = clock
        self._frames = frames
        self._send = sender
        self._detach = detach
        self._end = end
        self.passes: Passes = Passes(clock, pacing, pause_seconds, self.deliver)
        self.written: int = 0
        self.unwritten: int = 0

    def deliver(self) -> None:
        """Write what was published since the last pass: one write per connection."""
        passes = self.passes
        if passes.put_off is not None:
            passes.end_pause()
        begun = self._clock.monotonic()
        for delivery in self._broker.collect():
            owed: list[Connection] = []
            try:
                self._write(delivery, owed)
            except Exception:
                _logger.exception(
                    "a fault of channelshim, please report it: a message could not be "
                    "written; its pages reconnect for it"
                )
                self._end_unwritten(delivery, owed)
        self._broker.settle()
        passes.last_seconds = self._clock.monotonic() - begun

    def _write(self, delivery: Delivery, owed: list[Connection]) -> None:
        """Write to every connection of a delivery.

        Args:
            delivery: numbered by the broker.
            owed: takes those that are written to together.
        """
        texts, receivers = delivery
        count = len(texts)
        behind: list[tuple[Connection, int]] | None = None
        # Nothing in this loop calls a connection, which could detach another one.
        for receiver in receivers:
            last_number = receiver.number
            for connection in receiver.subscriber:
                if connection.number + count == last_number:
                    connection.number = last_number
                    owed.append(connection)
                elif connection.number < last_number:
                    behind = behind or []
                    behind.append((connection, last_number))
        if owed and texts:
            self.unwritten = count
            try:
                for connection in self._send(owed, self._frames.joined(texts)):
                    # What it has is unknown: it comes back and resumes.
                    self._detach(connection)
                    connection.abort()
            finally:
                self.unwritten = 0
            self.written += count * len(owed)
        if behind:
            for connection, last_number in behind:
                self._write_rest(connection, last_number, texts)

    def _end_unwritten(self, delivery: Delivery, owed: list[Connection]) -> None:
        """End those that may lack texts: a page knows its number, and resumes there."""
        for connection in owed:
            # What was written of it is unknown.
            connection.number -= len(delivery.texts)
        for receiver in delivery.receivers:
            for connection in tuple(receiver.subscriber):
                if connection.number < receiver.number:
                    try:
                        self._end(connection)
                    except Exception:
                        _logger.exception("a connection could not be ended")

    def _write_rest(
        self, connection: Connection, last_number: int, texts: tuple[str, ...]
    ) -> None:
        """Write to a connection that attached while these were being published."""
        if not connection.is_attached:
            return
        owed = last_number - connection.number
        if owed > len(texts):
            # A number was skipped: only a resume can tell the page so.
            self._end(connection)
            return
        connection.write(self._frames.joined(texts[-owed:]))
        connection.number = last_number
