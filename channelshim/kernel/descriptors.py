"""How many files and sockets this process may have open, and whether none is left."""

from __future__ import annotations

import errno
import sys
from typing import Final

MANY: Final = 1 << 20
"""Stands for no limit."""

_NONE_LEFT: Final = frozenset({errno.EMFILE, errno.ENFILE})
"""Of this process, and of the whole machine."""


def is_none_left(error: BaseException | None) -> bool:
    """Return whether something failed because no descriptor is free."""
    return isinstance(error, OSError) and error.errno in _NONE_LEFT


if sys.platform == "win32":

    def descriptor_limit() -> int:
        """Return how many descriptors may be open at once."""
        return MANY

else:
    import resource

    def descriptor_limit() -> int:
        """Return how many descriptors may be open at once."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return MANY if soft == resource.RLIM_INFINITY else min(soft, MANY)
