"""future_builtins: the builtins of Python 3."""

from __future__ import annotations

import builtins

__all__ = ["ascii", "filter", "hex", "map", "oct", "zip"]

ascii, filter, hex = builtins.ascii, builtins.filter, builtins.hex
map, oct, zip = builtins.map, builtins.oct, builtins.zip
