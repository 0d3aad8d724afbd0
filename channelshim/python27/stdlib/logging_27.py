"""logging: files that an app names, and messages of bytes."""

from __future__ import annotations

import logging

__all__ = ["_levelNames"]

_levelNames = {
    **logging._levelToName,
    **{name: level for name, level in logging._nameToLevel.items()},
}
