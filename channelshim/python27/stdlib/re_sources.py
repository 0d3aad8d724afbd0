"""Sources of Python 2.7's patterns and replacements, as today's re takes them."""

from __future__ import annotations

import re
import warnings
from typing import Any, Final

from channelshim.python27.strings import STRINGS, to_text

_VERBOSE: Final = 64
_COMMON: Final = 2 | 8 | 16 | _VERBOSE
"""The flags that mean the same today: I, M, S and X."""

_FLAG_OF_LETTER: Final = {
    **{"i": 2, "L": 4, "m": 8, "s": 16},
    **{"u": 32, "x": _VERBOSE, "t": 1},
}
_KNOWN_ESCAPES: Final = frozenset("AbBdDsSwWZabfnrtvx0123456789")
_CLASS_ESCAPES: Final = frozenset("dDsSwWabfnrtvx0123456789")
_TEMPLATE_ESCAPES: Final = frozenset("abfnrtvg0123456789")
_ONLY_PYTHON3: Final = re.compile(r"\\[uUN]|\(\?[iLmsutx]+\)")


def compiled(source: Any, flags: int) -> Any:
    """Return a pattern of today's re; it may warn of what 2.7 took."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return re.compile(source, flags)


def least_width(source: str, flags: int) -> int:
    """Return the length of the shortest match."""
    try:
        from re import _parser as parser  # type: ignore[attr-defined]
    except ImportError:
        import sre_parse as parser
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return int(parser.parse(source, flags & ~re.DEBUG).getwidth()[0])


def rewritten(source: str, flags: int) -> tuple[str, int]:
    """Return a pattern that today's re takes, and the flags that stood in it."""
    if not _ONLY_PYTHON3.search(source):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                re.compile(source, flags & _COMMON | re.ASCII)
        except (re.error, OverflowError):
            pass
        else:
            return source, 0
    return _rewrite(source, flags)


def _rewrite(source: str, flags: int) -> tuple[str, int]:
    pieces: list[str] = []
    more = place = 0
    in_class = False
    is_verbose = flags & _VERBOSE or _says_verbose(source)
    while place < len(source):
        character = source[place]
        if character == "\\" and place + 1 < len(source):
            pieces.append(_escape_sequence(source[place + 1], in_class))
            place += 2
            continue
        if in_class:
            in_class = character != "]"
        elif character == "[":
            in_class = True
            head = re.compile(r"\[\^?\]?").match(source, place)
            assert head is not None
            pieces.append(head[0])
            place = head.end()
            continue
        elif is_verbose and character == "#":
            end = source.find("\n", place)
            place = len(source) if end < 0 else end
            continue
        elif found := re.compile(r"\(\?([iLmsutx]+)\)").match(source, place):
            for letter in found[1]:
                more |= _FLAG_OF_LETTER[letter]
            place = found.end()
            continue
        pieces.append(character)
        place += 1
    return "".join(pieces), more


def _says_verbose(source: str) -> bool:
    return any("x" in found[1] for found in re.finditer(r"\(\?([iLmsutx]+)\)", source))


def _escape_sequence(letter: str, in_class: bool) -> str:
    """Return an escape; one that 2.7 did not know is the letter itself."""
    known = _CLASS_ESCAPES if in_class else _KNOWN_ESCAPES
    if letter.isascii() and letter.isalpha() and letter not in known:
        return letter
    return "\\" + letter


_TEMPLATE_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def template_source(repl: Any) -> Any:
    """Return a replacement whose unknown escapes stand for themselves."""
    if not isinstance(repl, STRINGS):
        raise TypeError(f"expected string or buffer, {type(repl).__name__} found")
    text = to_text(repl)
    if "\\" not in text:
        return repl

    def kept(found: Any) -> str:
        letter = found[1]
        if letter.isascii() and letter.isalpha() and letter not in _TEMPLATE_ESCAPES:
            return "\\\\" + str(letter)
        return str(found[0])

    return _TEMPLATE_ESCAPE.sub(kept, text)
