"""gdbm: databases of strings, GNU's."""

from __future__ import annotations

from channelshim.python27.stdlib.dbm_27 import opener

__all__ = ["open"]

open = opener("dbm.gnu", "r")
