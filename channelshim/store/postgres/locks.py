"""Numbers of the advisory locks of a store.

A database has one space of them for all its schemas, and other programs may use it too.
Two locks that fall on one number only wait for each other once more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from channelshim.contracts.entities import Group
from channelshim.store.postgres.place import Place


def lock_number(place: Place, *parts: bytes) -> int:
    """Return the number of a lock of a store.

    Args:
        place: whose schema it belongs to.
        parts: which one; none is the schema itself.
    """
    digest = hashlib.blake2b(place.schema.encode("utf-8", "replace"), digest_size=8)
    for part in parts:
        digest.update(b"%d:%s" % (len(part), part))
    return int.from_bytes(digest.digest(), "big", signed=True)


def group_locks(place: Place, groups: Iterable[Group]) -> list[int]:
    """Return the locks of entity groups, in the order in which all take them."""
    return sorted(
        {lock_number(place, b"group", name.encode(), root) for name, root in groups}
    )
