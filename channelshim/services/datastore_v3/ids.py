"""New ids: scattered as production gave them, or one after the other.

Each process takes scattered ids from the store by the hundred; a restart loses the rest
of its block, as production lost ids too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, Final, Literal

from google.appengine.datastore import datastore_stub_util

from channelshim.contracts.entities import Entities
from channelshim.errors import ConfigurationError

IdPolicy = Literal["scattered", "sequential"]

SCATTERED: Final = "scattered"
SEQUENTIAL: Final = "sequential"

_BLOCK = 100

check: Any = datastore_stub_util.Check


class IdSource:
    """Ids that no other caller gets, in any process.

    Args:
        entities: where the counters are.
        policy: of the ids that puts without one get.

    Raises:
        ConfigurationError: the policy is another word.
    """

    def __init__(self, entities: Entities, policy: IdPolicy) -> None:
        if policy not in (SCATTERED, SEQUENTIAL):
            raise ConfigurationError(
                f"auto_id_policy must be scattered or sequential, not {policy!r}"
            )
        self._entities = entities
        self._policy = policy
        self._lock = threading.Lock()
        self._block = iter(range(0))

    def take(self) -> int:
        """Return a new id for a put."""
        if self._policy == SEQUENTIAL:
            return self._entities.allocate(SEQUENTIAL, 1)
        with self._lock:
            counter = next(self._block, None)
            if counter is None:
                start = self._entities.allocate(SCATTERED, _BLOCK)
                self._block = iter(range(start, start + _BLOCK))
                counter = next(self._block)
        scattered: int = datastore_stub_util.ToScatteredId(counter)
        return scattered

    def take_range(self, size: int, maximum: int) -> tuple[int, int]:
        """Return first and last of a range of sequential ids.

        Args:
            size: how many; or 0.
            maximum: when size is 0, up to which none shall be given out again.
        """
        check(not (size and maximum), "Both size and max cannot be set.")
        check(size >= 0, "Size must be greater than 0.")
        check(maximum >= 0, "Max must be greater than or equal to 0.")
        if size:
            start = self._entities.allocate(SEQUENTIAL, size)
            return start, start + size - 1
        start, end = self._entities.reserve(SEQUENTIAL, maximum)
        return start, end - 1

    def reserve(self, references: Iterable[Any]) -> None:
        """Never give out the ids in these keys."""
        for reference in references:
            for element in reference.path.element:
                if element.HasField("id"):
                    counter, space = datastore_stub_util.IdToCounter(element.id)
                    self._entities.reserve(space, counter)
        with self._lock:
            self._block = iter(range(0))
