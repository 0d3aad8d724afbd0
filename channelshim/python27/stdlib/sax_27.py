"""xml.sax: documents of strings of either kind."""

from __future__ import annotations

import xml.sax as real
from typing import Any

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.strings import to_bytes

__all__ = ["parseString", "parse"]


def parseString(string: Any, handler: Any, *errors: Any) -> None:
    """Read the document that a string writes."""
    real.parseString(to_bytes(string), handler, *errors)


def parse(source: Any, handler: Any, *errors: Any) -> None:
    """Read the document of a file."""
    if hasattr(source, "read") and not hasattr(source, "getByteStream"):
        source = plain_file(source)
    real.parse(source, handler, *errors)
