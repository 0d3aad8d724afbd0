"""markupbase: the parser of declarations, with the error that it raised."""

from __future__ import annotations

import _markupbase
from typing import Any

__all__ = ["ParserBase"]


class ParserBase(_markupbase.ParserBase):
    """Reads declarations."""

    def error(self, message: Any) -> Any:
        """Refuse a broken declaration."""
        raise NotImplementedError("subclasses of ParserBase must override error()")
