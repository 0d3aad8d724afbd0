"""What each client id is owed of runs: found by comparing, or message by message.

Comparing whole runs touches the fewest objects; broker/runs.py has the theory. Letting
each message wait at its channel is plain and always right.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from channelshim.broker.kept import Known
from channelshim.broker.runs import parts_of

_logger: Final = logging.getLogger("channelshim.broker")


class Waiting:
    """Messages that wait at their channels. Under the broker's lock.

    Args:
        find: returns the channel of a client id, or None.

    Attributes:
        channels: those at which any wait.
    """

    def __init__(self, find: Callable[[str], Known | None]) -> None:
        self._find = find
        self.channels: list[Known] = []

    def spread(self, runs: list[tuple[str, list[str]]]) -> None:
        """Let each message wait at its channel, and drop those of unknown ids."""
        find = self._find
        for text, client_ids in runs:
            for client_id in client_ids:
                channel = find(client_id)
                if channel is not None:
                    if not channel.waiting:
                        self.channels.append(channel)
                    channel.waiting.append(text)

    def take(self) -> dict[tuple[str, ...], list[Known]]:
        """Return what waits at the channels; it waits no more."""
        groups: dict[tuple[str, ...], list[Known]] = {}
        group: list[Known] = []
        last: tuple[str, ...] = ()
        for channel in self.channels:
            texts = tuple(channel.waiting)
            channel.waiting.clear()
            # One after the other, most are owed the same.
            if texts != last:
                last = texts
                group = groups.setdefault(texts, [])
            group.append(channel)
        self.channels.clear()
        return groups

    def compared(
        self, runs: list[tuple[str, list[str]]]
    ) -> dict[tuple[str, ...], list[Known]] | None:
        """Return what is owed, by comparing whole runs; None when that does not do.

        Changes nothing, so that each message can still be looked at by itself.
        """
        groups: dict[tuple[str, ...], list[Known]] = {}
        find = self._find
        try:
            parts = parts_of(runs)
            if parts is None:
                return None
            for client_ids, texts in parts:
                known = [channel for channel in map(find, client_ids) if channel]
                if known:
                    groups.setdefault(tuple(texts), []).extend(known)
        except Exception:
            _logger.exception(
                "a fault of channelshim, please report it: runs could not be compared; "
                "each message of this pass is delivered by itself"
            )
            return None
        return groups
