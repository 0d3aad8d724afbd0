"""The known client ids, for pages that show channels."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from channelshim.broker.redis.clients import refusals
from channelshim.contracts.overview import KnownId
from channelshim.errors import BrokerError
from channelshim.protocol.tokens import client_id_bytes, client_id_text

if TYPE_CHECKING:
    from channelshim.broker.redis.direct import Direct
    from channelshim.broker.redis.shard import Bounds

_SCANNED: Final = 1000
"""Ids that Redis returns at once."""


def known_count(client: Any, keys: Sequence[str]) -> int:
    """Return how many ids are known; see `known_ids`."""
    with answered():
        return sum(client.hlen(f"{key[:-2]}:i") for key in keys)


def kept_bytes(client: Any, keys: Sequence[str]) -> int:
    """Return what all windows together cost; see `known_ids`."""
    with answered():
        return sum(int(client.get(f"{key[:-2]}:k") or 0) for key in keys)


@contextlib.contextmanager
def answered() -> Iterator[None]:
    """Have a driver's error be one of ours.

    Raises:
        BrokerError: Redis does not answer.
    """
    try:
        yield
    except refusals() as error:
        raise BrokerError(f"Redis does not answer: {error}") from error


def known_ids(
    client: Any,
    direct: Direct,
    keys: Sequence[str],
    bounds: Bounds,
    after: str,
    limit: int,
) -> list[KnownId]:
    """Return a page of the known ids; see contracts.Overview.

    All ids are gone through: Redis keeps them in no order.

    Args:
        client: redis-py's.
        direct: calls functions.
        keys: of the shards' epochs.
        bounds: of windows.
        after: the last id of the page before.
        limit: ids of a page.

    Raises:
        BrokerError: Redis does not answer.
    """
    found: list[KnownId] = []
    while len(found) < limit:
        chosen = heapq.nsmallest(limit, set(_later(client, keys, after)))
        for client_id, place in chosen:
            described = describe(direct, keys[place], bounds, client_id)
            if described is not None:
                found.append(described)
        if len(chosen) < limit:
            break
        after = chosen[-1][0]
    return found[:limit]


def _later(client: Any, keys: Sequence[str], after: str) -> Iterator[tuple[str, int]]:
    for place, key in enumerate(keys):
        with answered():
            for raw, _ in client.hscan_iter(f"{key[:-2]}:i", count=_SCANNED):
                client_id = client_id_text(raw)
                if client_id > after:
                    yield client_id, place


def describe(
    direct: Direct, key: str, bounds: Bounds, client_id: str
) -> KnownId | None:
    """Return what is known of an id; None for one of which nothing is.

    Args:
        direct: calls functions.
        key: of the epoch of the id's shard.
        bounds: of windows.
        client_id: any text.

    Raises:
        BrokerError: Redis does not answer.
    """
    arguments = [*bounds.of_replay(), client_id_bytes(client_id)]
    ((is_known, *facts),) = direct.run(key, "describe", arguments)
    if is_known != b"1":
        return None
    number, is_connected, expected, messages, size = facts
    return KnownId(
        client_id,
        int(number),
        is_connected == b"1",
        int(expected) / 1e6,
        int(messages),
        int(size),
    )
