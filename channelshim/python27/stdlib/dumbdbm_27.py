"""dumbdbm: databases of strings, in plain files."""

from __future__ import annotations

from channelshim.python27.stdlib.dbm_27 import opener

__all__ = ["open"]

open = opener("dbm.dumb", "c")
