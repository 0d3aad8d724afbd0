"""HTMLParser: references are told one by one, as they were."""

from __future__ import annotations

import html
import html.parser
from typing import Any

from channelshim.python27.strings import to_text

__all__ = ["HTMLParser", "HTMLParseError"]


class HTMLParseError(Exception):
    """What older versions raised for broken pages."""

    def __init__(self, msg: Any, position: Any = (None, None)) -> None:
        super().__init__(msg)
        self.msg = msg
        self.lineno: int | None = position[0]
        self.offset: int | None = position[1]

    def __str__(self) -> str:
        result = str(self.msg)
        if self.lineno is not None:
            result += f", at line {self.lineno}"
        if self.offset is not None:
            result += f", column {self.offset + 1}"
        return result


class HTMLParser(html.parser.HTMLParser):
    """Reads a page, tag by tag."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)

    def reset(self) -> None:
        """Forget everything."""
        self.convert_charrefs = False
        super().reset()

    def feed(self, data: Any) -> None:
        """Read more of the page."""
        super().feed(to_text(data))

    def unescape(self, s: Any) -> Any:
        """Return text without references."""
        return html.unescape(to_text(s)) if "&" in s else s

    def error(self, message: Any) -> Any:
        """Refuse a broken page."""
        raise HTMLParseError(message, self.getpos())
