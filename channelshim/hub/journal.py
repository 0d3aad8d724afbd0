"""Who is connected, kept over a crash: for brokers that do not keep it themselves."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from enum import Enum
from typing import Final

from channelshim.contracts.store import Journal
from channelshim.errors import StorageError

_logger: Final = logging.getLogger("channelshim.hub")


class Step(Enum):
    """One step of a client id's presence, in the order in which they come."""

    CONNECTED = "connected"
    GONE = "gone"
    # The app has been told that it is gone: only now may the journal forget it. Had
    # the process died before, the next one would report it.
    TOLD = "told"


class PresenceJournal:
    """Writes groups of steps, each in one commit. One thread.

    Args:
        journal: the store's.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        # Who is connected as of the last step.
        self._connected: set[str] = set()

    def write(self, steps: Iterable[tuple[str, Step]]) -> None:
        """Write steps, before the app is told of any; a failure is logged.

        The app still hears of it; only a crash would now go unreported.
        """
        added: dict[str, None] = {}
        removed: dict[str, None] = {}
        for client_id, step in steps:
            if step is Step.CONNECTED:
                self._connected.add(client_id)
                added[client_id] = None
                removed.pop(client_id, None)
            elif step is Step.GONE:
                self._connected.discard(client_id)
            elif client_id not in self._connected:
                added.pop(client_id, None)
                removed[client_id] = None
        if not added and not removed:
            return
        try:
            self._journal.note(added, removed)
        except StorageError as error:
            _logger.error("the presence journal was not written: %s", error)
        except BaseException:
            _logger.exception("the presence journal was not written")
