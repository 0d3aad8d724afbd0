"""future_builtins: the builtins of Python 3."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

__all__ = ["ascii", "filter", "hex", "map", "oct", "zip"]

ascii: Callable[[Any], str] = builtins.ascii
hex: Callable[[Any], str] = builtins.hex
oct: Callable[[Any], str] = builtins.oct
filter = builtins.filter
map = builtins.map
zip = builtins.zip
