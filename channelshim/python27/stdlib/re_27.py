"""re: patterns that match as Python 2.7's did, on text and on bytes.

`\\w` and its like are ASCII unless the pattern says (?u); split never splits on an
empty match, sub never replaces one beside a match; and what today's re refuses in a
pattern (flags in mid-pattern, unknown escapes) is rewritten first.
"""

from __future__ import annotations

import re
from typing import Any, Final

from channelshim.python27.stdlib.re_matches import Match, native
from channelshim.python27.stdlib.re_sources import (
    compiled,
    least_width,
    rewritten,
    template_source,
)
from channelshim.python27.strings import STRINGS, NativeStr, to_bytes, to_text

__all__ = [
    *("compile", "match", "search", "findall", "finditer", "sub", "subn", "split"),
    *("escape", "purge", "template", "I", "IGNORECASE", "L", "LOCALE", "M"),
    *("MULTILINE", "S", "DOTALL", "U", "UNICODE", "X", "VERBOSE", "T", "TEMPLATE"),
    *("DEBUG", "error", "Scanner", "_pattern_type"),
]

I = IGNORECASE = 2  # noqa: E741 -- the name of the module it stands over
L = LOCALE = 4
M = MULTILINE = 8
S = DOTALL = 16
U = UNICODE = 32
X = VERBOSE = 64
T = TEMPLATE = 1
DEBUG = 128
error = re.error

_MAXIMUM_CACHED: Final = 500

_cache: dict[Any, Pattern] = {}


class Pattern:
    """A compiled pattern, for text and for bytes."""

    def __init__(self, pattern: Any, flags: int) -> None:
        self.pattern = pattern
        text = to_text(pattern)
        text, more = rewritten(text, flags)
        self._text_source = text
        self.flags: int = flags | more
        for_text = self.flags & (I | M | S | X | DEBUG)
        is_unicode = self.flags & U
        self._text = compiled(text, for_text | (0 if is_unicode else re.ASCII))
        self._bytes: Any = None
        self._for_bytes = for_text & ~DEBUG
        self.groups: int = self._text.groups
        self.groupindex: dict[str, int] = dict(self._text.groupindex)
        self._may_be_empty: bool | None = None

    def _of(self, string: Any) -> Any:
        """Return the pattern for a subject of its kind."""
        if isinstance(string, str):
            return self._text
        if not isinstance(string, (bytes, bytearray, memoryview)) and not hasattr(
            string, "tobytes"
        ):
            raise TypeError("expected string or buffer")
        if self._bytes is None:
            source = to_bytes(self._text_source)
            self._bytes = compiled(source, self._for_bytes)
        return self._bytes

    def _is_possibly_empty(self) -> bool:
        if self._may_be_empty is None:
            self._may_be_empty = least_width(self._text_source, self._text.flags) == 0
        return self._may_be_empty

    # --- one match

    def match(self, string: Any, pos: int = 0, endpos: Any = None) -> Any:
        """Match at the beginning."""
        return self._one("match", string, pos, endpos)

    def search(self, string: Any, pos: int = 0, endpos: Any = None) -> Any:
        """Find the first match."""
        return self._one("search", string, pos, endpos)

    def _one(self, name: str, string: Any, pos: int, endpos: Any) -> Any:
        method = getattr(self._of(string), name)
        found = method(string, pos) if endpos is None else method(string, pos, endpos)
        return None if found is None else Match(self, found, string)

    # --- all matches

    def finditer(self, string: Any, pos: int = 0, endpos: Any = None) -> Any:
        """Yield each match."""
        pattern = self._of(string)
        found = (
            pattern.finditer(string, pos)
            if endpos is None
            else pattern.finditer(string, pos, endpos)
        )
        return (Match(self, each, string) for each in found)

    def findall(self, string: Any, pos: int = 0, endpos: Any = None) -> list[Any]:
        """Return the text, or the groups, of each match."""
        pattern = self._of(string)
        found = (
            pattern.findall(string, pos)
            if endpos is None
            else pattern.findall(string, pos, endpos)
        )
        return found if isinstance(string, str) else list(map(native, found))

    def scanner(self, string: Any, pos: int = 0, endpos: Any = None) -> Any:
        """Return a scanner over a string."""
        return self._of(string).scanner(string, pos)

    def split(self, string: Any, maxsplit: int = 0) -> list[Any]:
        """Split at each match that is not empty."""
        pattern = self._of(string)
        if not self._is_possibly_empty():
            found = pattern.split(string, max(maxsplit, 0))
            return found if isinstance(string, str) else list(map(native, found))
        pieces: list[Any] = []
        last = 0
        for match in pattern.finditer(string):
            if maxsplit and len(pieces) >= maxsplit * (1 + self.groups):
                break
            if match.start() == match.end():
                continue
            pieces.append(string[last : match.start()])
            pieces.extend(match.groups())
            last = match.end()
        pieces.append(string[last:])
        return pieces if isinstance(string, str) else list(map(native, pieces))

    def sub(self, repl: Any, string: Any, count: int = 0) -> Any:
        """Replace each match."""
        return self.subn(repl, string, count)[0]

    def subn(self, repl: Any, string: Any, count: int = 0) -> tuple[Any, int]:
        """Replace each match, and tell how many."""
        pattern = self._of(string)
        is_text = isinstance(string, str)
        replace = self._replacement(repl, string, pattern)
        if callable(replace) and self._is_possibly_empty():
            answer, number = _replace_apart(pattern, replace, string, count)
        elif self._is_possibly_empty():
            answer, number = _replace_apart(
                pattern, lambda match: match.expand(replace), string, count
            )
        else:
            answer, number = pattern.subn(replace, string, count)
        return answer if is_text else NativeStr(answer), number

    def _replacement(self, repl: Any, string: Any, pattern: Any) -> Any:
        is_text = isinstance(string, str)
        kind = to_text if is_text else to_bytes
        if callable(repl):
            return lambda match: _replaced(repl(Match(self, match, string)), kind)
        template = template_source(repl)
        return to_text(template) if is_text else to_bytes(template)

    # --- as an object

    def __repr__(self) -> str:
        return f"<_sre.SRE_Pattern object at {id(self):#x}>"

    def __copy__(self) -> Any:
        raise TypeError("cannot copy this pattern object")

    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("cannot deepcopy this pattern object")

    def __reduce__(self) -> Any:
        return compile, (self.pattern, self.flags)


_pattern_type = Pattern


def _replaced(value: Any, kind: Any) -> Any:
    if value is None:
        return kind("")
    if not isinstance(value, STRINGS):
        raise TypeError(f"expected string, {type(value).__name__} found")
    return kind(value)


def _replace_apart(
    pattern: Any, replace: Any, string: Any, count: int
) -> tuple[Any, int]:
    """Replace matches, but no empty one right behind another."""
    pieces: list[Any] = []
    last = number = 0
    for match in pattern.finditer(string):
        if count and number >= count:
            break
        start, end = match.span()
        if start == end == last and number:
            continue
        pieces += [string[last:start], replace(match)]
        last = end
        number += 1
    pieces.append(string[last:])
    joiner: Any = "" if isinstance(string, str) else b""
    return joiner.join(pieces), number


# --- the module's functions


def compile(pattern: Any, flags: int = 0) -> Pattern:
    """Compile a pattern."""
    if isinstance(pattern, Pattern):
        if flags:
            raise ValueError("Cannot process flags argument with a compiled pattern")
        return pattern
    if isinstance(pattern, re.Pattern):
        pattern, flags = pattern.pattern, pattern.flags & (I | M | S | X | U)
    if not isinstance(pattern, STRINGS):
        raise TypeError("first argument must be string or compiled pattern")
    flags = int(flags)
    key = isinstance(pattern, bytes), to_bytes(pattern), flags
    known = _cache.get(key)
    if known is None:
        known = Pattern(pattern, flags)
        if not flags & DEBUG:
            if len(_cache) >= _MAXIMUM_CACHED:
                _cache.clear()
            _cache[key] = known
    return known


def match(pattern: Any, string: Any, flags: int = 0) -> Any:
    """Match at the beginning of a string."""
    return compile(pattern, flags).match(string)


def search(pattern: Any, string: Any, flags: int = 0) -> Any:
    """Find the first match in a string."""
    return compile(pattern, flags).search(string)


def findall(pattern: Any, string: Any, flags: int = 0) -> list[Any]:
    """Return all matches in a string."""
    return compile(pattern, flags).findall(string)


def finditer(pattern: Any, string: Any, flags: int = 0) -> Any:
    """Yield the matches in a string."""
    return compile(pattern, flags).finditer(string)


def sub(pattern: Any, repl: Any, string: Any, count: int = 0, flags: int = 0) -> Any:
    """Replace the matches in a string."""
    return compile(pattern, flags).sub(repl, string, count)


def subn(pattern: Any, repl: Any, string: Any, count: int = 0, flags: int = 0) -> Any:
    """Replace the matches in a string, and tell how many."""
    return compile(pattern, flags).subn(repl, string, count)


def split(pattern: Any, string: Any, maxsplit: int = 0, flags: int = 0) -> list[Any]:
    """Split a string at the matches."""
    return compile(pattern, flags).split(string, maxsplit)


def template(pattern: Any, flags: int = 0) -> Pattern:
    """Compile a pattern; templates were never more than that."""
    return compile(pattern, flags)


def purge() -> None:
    """Forget the compiled patterns."""
    _cache.clear()
    re.purge()


_PLAIN: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)


def escape(pattern: Any) -> Any:
    """Put a backslash before everything but letters and digits."""
    is_bytes = isinstance(pattern, bytes)
    text = bytes(pattern).decode("latin-1") if is_bytes else pattern
    escaped = "".join(
        letter if letter in _PLAIN else "\\000" if letter == "\0" else "\\" + letter
        for letter in text
    )
    return NativeStr(escaped.encode("latin-1")) if is_bytes else escaped


class Scanner:
    """A scanner made of a lexicon of patterns and actions."""

    def __init__(self, lexicon: Any, flags: int = 0) -> None:
        self.lexicon = lexicon
        self._scanner = re.Scanner(lexicon, flags & (I | M | S | X))  # type: ignore[attr-defined]

    def scan(self, string: Any) -> Any:
        """Return what the actions gave, and what was left."""
        return self._scanner.scan(string)
