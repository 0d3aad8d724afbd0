"""docs/reference/browsers.md names what channel.js asks of a browser."""

from __future__ import annotations

import re

from tests.lanes import ROOT

CLIENT = ROOT / "channelshim" / "browser" / "channel.js"
PAGE = ROOT / "docs" / "reference" / "browsers.md"

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_TEXT = re.compile(r"'(?:[^'\\\n]|\\.)*'")
_NEWER = re.compile(
    r"=>|`|\.\.\.|\?\.|\*\*|\b(?:let|const|class|async|await|of|import)\b"
)

# Of ECMAScript 5, or the client's own.
_KNOWN = {"Line", "Socket", "Handler", "TypeError", "goog"}


def code() -> str:
    """Return the client without comments and texts."""
    source = _COMMENT.sub(" ", CLIENT.read_text("utf-8"))
    return _TEXT.sub("''", source)


def test_it_has_no_syntax_newer_than_ecmascript_5() -> None:
    assert _NEWER.findall(code()) == []


def test_the_page_names_all_that_it_calls() -> None:
    names = set(re.findall(r"\b(?:window|navigator)\.(\w+)", code()))
    names |= set(re.findall(r"\bnew (?:window\.)?(\w+)", code()))
    source = _COMMENT.sub(" ", CLIENT.read_text("utf-8"))
    names |= set(re.findall(r"addEventListener\('(\w+)'", source))
    page = PAGE.read_text("utf-8")
    missing = {name for name in names - _KNOWN if not re.search(rf"\b{name}\b", page)}
    assert missing == set()
