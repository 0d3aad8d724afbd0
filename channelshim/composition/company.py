"""A server among others on one store: it says that it lives, and takes over from the
dead.

Where channels are not shared, each server's broker is alone with its pages, and tells
the app of them. When a server dies for good, nobody else would ever tell the app that
its pages are gone; so another one takes its client ids over, waits for the pages as
after a crash of its own, and tells the app of those that stay away.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from functools import partial
from typing import Final

from channelshim.broker.memory import MemoryBroker
from channelshim.composition.instance import Instance
from channelshim.contracts.store import RollCall
from channelshim.contracts.tasks import WORKER_BEAT_SECONDS
from channelshim.errors import StorageError
from channelshim.hub.passes import CallSoon
from channelshim.kernel.threads import Kept

_logger: Final = logging.getLogger("channelshim.composition")


class Company:
    """Keeps an instance's place among the servers of a shared store.

    Args:
        instance: with its store open.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._has_to_stop = threading.Event()
        self._thread: Kept | None = None
        self._call_soon: CallSoon | None = None
        self._is_silent = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin, if the store is shared. Loop thread."""
        if self._instance.plan.store.is_shared:
            self._call_soon = loop.call_soon_threadsafe
            self._thread = self._instance.threads.start("company", self._stay)

    def stop(self) -> None:
        """End; waits for nothing. Idempotent."""
        self._has_to_stop.set()

    def _stay(self) -> None:
        while not self._has_to_stop.wait(WORKER_BEAT_SECONDS):
            try:
                self._stay_once()
            except StorageError as error:
                if not self._is_silent and not self._has_to_stop.is_set():
                    _logger.error("the others do not hear of this server: %s", error)
                self._is_silent = True
            else:
                self._is_silent = False

    def _stay_once(self) -> None:
        instance = self._instance
        broker = instance.broker
        is_alone = isinstance(broker, MemoryBroker)
        call = instance.store.stay(takes_connections=is_alone)
        instance.listen()
        if not isinstance(broker, MemoryBroker):
            return
        if call.was_struck_off or call.client_ids:
            assert self._call_soon is not None
            # A loop that has ended leaves them to the next start: they are in the
            # journal.
            try:
                self._call_soon(partial(_take_over, broker, call))
            except RuntimeError:
                return


def _take_over(broker: MemoryBroker, call: RollCall) -> None:
    if call.was_struck_off:
        _logger.warning("the others took this server for dead: it is back")
        broker.tell_again()
    broker.take_over(call.client_ids)
