"""All shards of an app, and which one has an id."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from channelshim.broker.redis.shard import Shard
from channelshim.protocol.tokens import client_id_bytes


class Shards:
    """All shards, and which one has an id. Any thread.

    Attributes:
        all: in the order of their numbers.
    """

    def __init__(self, shards: Sequence[Shard]) -> None:
        self.all: Sequence[Shard] = shards

    def place_of(self, client_id: str) -> int:
        """Return the number of the shard that has an id."""
        return zlib.crc32(client_id_bytes(client_id)) % len(self.all)

    def of(self, client_id: str) -> Shard:
        """Return the shard that has an id."""
        return self.all[0 if len(self.all) == 1 else self.place_of(client_id)]
