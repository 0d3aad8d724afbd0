"""xml.dom.minidom: documents of strings of either kind."""

from __future__ import annotations

import xml.dom.minidom as real
from typing import Any

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.strings import STRINGS, to_bytes

__all__ = ["parseString", "parse"]


def parseString(string: Any, parser: Any = None) -> Any:
    """Return the document that a string writes."""
    return real.parseString(to_bytes(string), parser)


def parse(file: Any, parser: Any = None, bufsize: Any = None) -> Any:
    """Return the document of a file."""
    source = file if isinstance(file, STRINGS) else plain_file(file)
    return real.parse(source, parser, bufsize)  # type: ignore[arg-type]
