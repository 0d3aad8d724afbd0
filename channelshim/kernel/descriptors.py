"""How many files and sockets this process may have open."""

from __future__ import annotations

import sys
from typing import Final

MANY: Final = 1 << 20
"""Stands for no limit."""

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
