"""htmllib: the old parser of pages, on sgmllib3k."""

from __future__ import annotations

import html.entities
import importlib
from typing import Any, ClassVar

__all__ = ["HTMLParser", "HTMLParseError"]

try:
    _sgmllib: Any = importlib.import_module("sgmllib")
except ImportError as error:
    raise ImportError("htmllib needs sgmllib: pip install sgmllib3k") from error

HTMLParseError: Any = _sgmllib.SGMLParseError


class HTMLParser(_sgmllib.SGMLParser):  # type: ignore[misc]
    """Reads a page into a formatter."""

    entitydefs: ClassVar[dict[str, str]] = {
        name: chr(code) for name, code in html.entities.name2codepoint.items()
    }

    def __init__(self, formatter: Any, verbose: int = 0) -> None:
        _sgmllib.SGMLParser.__init__(self, verbose)
        self.formatter = formatter

    def reset(self) -> None:
        """Forget everything."""
        _sgmllib.SGMLParser.reset(self)
        self.savedata: Any = None
        self.isindex: int = 0
        self.title: Any = None
        self.base: Any = None
        self.anchor: Any = None
        self.anchorlist: list[Any] = []
        self.nofill: int = 0

    def handle_data(self, data: Any) -> None:
        """Write text, or keep it."""
        if self.savedata is not None:
            self.savedata += data
        elif self.nofill:
            self.formatter.add_literal_data(data)
        else:
            self.formatter.add_flowing_data(data)

    def save_bgn(self) -> None:
        """Begin to keep text."""
        self.savedata = ""

    def save_end(self) -> Any:
        """Return the text that was kept."""
        data, self.savedata = self.savedata, None
        return data if self.nofill or data is None else " ".join(data.split())

    def anchor_bgn(self, href: Any, name: Any, type: Any) -> None:
        """Begin a link."""
        self.anchor = href
        if href:
            self.anchorlist.append(href)

    def anchor_end(self) -> None:
        """End a link."""
        if self.anchor:
            self.handle_data(f"[{len(self.anchorlist)}]")
            self.anchor = None

    def start_a(self, attrs: Any) -> None:
        """Begin a link."""
        found = {key: value.strip() for key, value in attrs}
        self.anchor_bgn(
            found.get("href", ""), found.get("name", ""), found.get("type", "").lower()
        )

    def end_a(self) -> None:
        """End a link."""
        self.anchor_end()

    def start_title(self, attrs: Any) -> None:
        """Begin the title."""
        self.save_bgn()

    def end_title(self) -> None:
        """End the title."""
        self.title = self.save_end()

    def start_pre(self, attrs: Any) -> None:
        """Begin text that is written as it is."""
        self.formatter.end_paragraph(1)
        self.nofill += 1

    def end_pre(self) -> None:
        """End text that is written as it is."""
        self.formatter.end_paragraph(1)
        self.nofill = max(0, self.nofill - 1)

    def do_p(self, attrs: Any) -> None:
        """Begin a paragraph."""
        self.formatter.end_paragraph(1)

    def do_br(self, attrs: Any) -> None:
        """End a line."""
        self.formatter.add_line_break()

    def do_hr(self, attrs: Any) -> None:
        """Draw a line."""
        self.formatter.add_hor_rule()

    def unknown_starttag(self, tag: Any, attrs: Any) -> None:
        """Leave a tag out."""

    def unknown_endtag(self, tag: Any) -> None:
        """Leave a tag out."""
