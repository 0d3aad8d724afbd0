"""xml.etree: trees of strings of either kind."""

from __future__ import annotations

import xml.etree.ElementTree as real
from typing import Any

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.strings import STRINGS, native, to_bytes, to_text

__all__ = [
    "fromstring",
    "XML",
    "tostring",
    "tostringlist",
    "parse",
    "ElementTree",
    "iterparse",
    "XMLParser",
    "XMLTreeBuilder",
    "fromstringlist",
    "SubElement",
]


def fromstring(text: Any, parser: Any = None) -> Any:
    """Return the tree that a string writes."""
    if isinstance(text, str) and text[:5] == "<?xml":
        text = to_bytes(text)
    return real.fromstring(bytes(text) if isinstance(text, bytes) else text, parser)


XML = fromstring


def fromstringlist(sequence: Any, parser: Any = None) -> Any:
    """Return the tree that strings write."""
    return fromstring("".join(map(to_text, sequence)), parser)


def tostring(element: Any, encoding: Any = None, method: Any = None) -> Any:
    """Return a tree as a string."""
    return native(real.tostring(element, encoding or "us-ascii", method or "xml"))


def tostringlist(element: Any, encoding: Any = None, method: Any = None) -> list[Any]:
    """Return a tree as strings to be joined."""
    return [tostring(element, encoding, method)]


class ElementTree(real.ElementTree):
    """A tree."""

    def parse(self, source: Any, parser: Any = None) -> Any:
        """Read a tree from a file."""
        return super().parse(_file(source), parser)

    def write(self, file: Any, encoding: Any = None, *args: Any, **named: Any) -> None:  # type: ignore[override]
        """Write a tree into a file."""
        super().write(_file(file), encoding or "us-ascii", *args, **named)

    def getiterator(self, tag: Any = None) -> Any:
        """Return the elements."""
        return list(self.iter(tag))


def _file(source: Any) -> Any:
    return source if isinstance(source, STRINGS) else plain_file(source)


def parse(source: Any, parser: Any = None) -> Any:
    """Return the tree of a file."""
    tree = ElementTree()
    tree.parse(source, parser)
    return tree


def iterparse(source: Any, events: Any = None, parser: Any = None) -> Any:
    """Yield the events of a file."""
    return real.iterparse(_file(source), events, parser)


class XMLParser(real.XMLParser):
    """Reads a tree, piece by piece."""

    def __init__(self, html: Any = 0, target: Any = None, encoding: Any = None) -> None:
        super().__init__(target=target or real.TreeBuilder(), encoding=encoding)


XMLTreeBuilder = XMLParser


def SubElement(parent: Any, tag: Any, attrib: Any = None, **extra: Any) -> Any:
    """Add an element to another one."""
    return real.SubElement(parent, tag, dict(attrib or {}), **extra)
