"""Ranges of an index, or of the keys of a kind, read in their order."""

from __future__ import annotations

from dataclasses import dataclass

Row = tuple[bytes, bytes, int, bytes]
"""Index code (empty for a scan of keys), path, version, body.

The last two say something only when bodies were wanted.
"""


@dataclass(frozen=True, slots=True)
class Position:
    """A place between rows.

    Attributes:
        value: the index code; empty for a scan of keys.
        path: the key's code.
        is_before: the row that stands exactly here comes after the place.
    """

    value: bytes
    path: bytes
    is_before: bool = False


@dataclass(frozen=True, slots=True)
class Scan:
    """What to read. Bounds are half-open: from low up to, not including, high.

    Attributes:
        kind_id: for a scan of keys.
        index_id: None for a scan of keys.
        low: lowest index code.
        high: above the highest; None means exactly low.
        is_descending: whether codes are read downwards.
        path_low, path_high: bounds of the keys, "" and None when there are none.
        is_path_descending: whether keys are read downwards within a code.
        probes: (index id, code) pairs where the entity must stand too.
        after: where to begin, in the order of reading.
        until: where to end.
    """

    kind_id: int
    index_id: int | None = None
    low: bytes = b""
    high: bytes | None = None
    is_descending: bool = False
    path_low: bytes = b""
    path_high: bytes | None = None
    is_path_descending: bool = False
    probes: tuple[tuple[int, bytes], ...] = ()
    after: Position | None = None
    until: Position | None = None
