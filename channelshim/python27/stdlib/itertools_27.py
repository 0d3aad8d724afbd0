"""itertools: the lazy map, filter and zip."""

from __future__ import annotations

import itertools
from typing import Any

__all__ = ["imap", "ifilter", "ifilterfalse", "izip", "izip_longest"]

izip = zip
izip_longest = itertools.zip_longest
ifilter = filter
ifilterfalse = itertools.filterfalse


def imap(function: Any, *iterables: Any) -> Any:
    """Yield what a function gives; tuples without a function."""
    if not iterables:
        raise TypeError("imap() must have at least two arguments.")
    if function is None:
        return zip(*iterables, strict=False)
    return map(function, *iterables)
