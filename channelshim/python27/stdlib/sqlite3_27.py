"""sqlite3: bytes for a column, made of strings of either kind."""

from __future__ import annotations

from channelshim.python27.helpers.text import taking_text

__all__ = ["Binary"]

Binary: type = taking_text(memoryview)
