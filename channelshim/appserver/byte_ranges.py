"""The Range header (RFC 9110, 14): one range of bytes, for files and blobs alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_RANGE: Final = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.A | re.I)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """What a Range header asks for.

    Attributes:
        first: number of the first byte; None for the last bytes.
        last: number of the last byte, or None for all that follow; without `first` how
            many of the last bytes.
    """

    first: int | None
    last: int | None

    def within(self, size: int) -> tuple[int, int] | None:
        """Return the first and the last byte of what there is.

        Args:
            size: bytes there are.

        Returns:
            None when there is not one of those asked for.
        """
        if self.first is None:
            first, last = max(0, size - (self.last or 0)), size - 1
        else:
            first = self.first
            last = size - 1 if self.last is None else min(self.last, size - 1)
        return (first, last) if first <= last else None


def parse_range(text: str) -> ByteRange | None:
    """Return the range that a header asks for.

    Args:
        text: the header, from outside; anything.

    Returns:
        None for another unit, several ranges, and what is malformed: such a header
        counts for nothing (RFC 9110, 14.2).
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None or not (match[1] or match[2]):
        return None
    first = int(match[1]) if match[1] else None
    last = int(match[2]) if match[2] else None
    if first is not None and last is not None and last < first:
        return None
    return ByteRange(first, last)
