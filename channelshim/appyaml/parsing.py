"""The words that app.yaml's keys share: switches, periods of time, patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from channelshim.appyaml.nodes import Node

_TRUE: Final = frozenset({"true", "yes", "on", "y", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "n", "0"})
SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
"""Of the units that periods and rates are written in."""
_PERIOD: Final = re.compile(r"\s*(\d{1,9})\s*([smhd])?\s*", re.IGNORECASE)

Warn = Callable[[Node, str], None]
"""Takes a sentence about what is ignored, and the node where it stands."""


def once(warn: Warn) -> Warn:
    """Return a function that hands each sentence on once."""
    reported: set[str] = set()

    def warn_once(node: Node, sentence: str) -> None:
        if sentence not in reported:
            reported.add(sentence)
            warn(node, sentence)

    return warn_once


def parse_switch(node: Node, key: str) -> bool:
    """Return whether a switch is on.

    Raises:
        ConfigurationError: neither yes nor no.
    """
    text = node.text(key).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise node.error(f"{key} must be yes or no, not {text!r}")


def parse_choice(node: Node, key: str, choices: Sequence[str]) -> str:
    """Return one of some words, in lower case; "" for nothing.

    A misspelt `login: requird` must not leave a page to everybody, so no word is
    guessed.

    Raises:
        ConfigurationError: another word; names those that are allowed.
    """
    text = node.text(key).strip().lower()
    if text and text not in choices:
        allowed = f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise node.error(f"{key} must be {allowed}, not {text!r}")
    return text


def parse_period(node: Node, key: str) -> int:
    """Return the seconds of "4d 5h", "10m" or "30".

    Raises:
        ConfigurationError: no such period.
    """
    text = node.text(key)
    position = total = 0
    while position < len(text):
        match = _PERIOD.match(text, position)
        if match is None:
            raise node.error(f'{key} must be a period like "4d 5h", not {text!r}')
        total += int(match[1]) * SECONDS[(match[2] or "s").lower()]
        position = match.end()
    if not text.strip():
        raise node.error(f'{key} must be a period like "4d 5h"')
    return total


WHOLE: Final = r"(?:{})\Z"
"""Around a pattern that has to match a whole text."""

HEAD: Final = r"(?:{})"
"""Around a pattern that has to match a text's head, as `skip_files` does."""

WITHIN: Final = r"(?s:.*?)(?:{})"
"""Around a pattern that has to match a piece of a text, as `upload` does: the old
server did not look at it at all, and many leave out the folder."""


def parse_pattern(node: Node, key: str, template: str = WHOLE) -> re.Pattern[str]:
    """Return the regular expression, as Python 2.7 read it.

    Args:
        node: its text.
        key: what errors name.
        template: what is put around it; `match` is used, so the head is anchored.

    Raises:
        ConfigurationError: no regular expression.
    """
    text = node.text(key)
    try:
        pattern, flags = _pattern_of_27(text)
        re.compile(pattern, flags)
        return re.compile(template.replace("{}", pattern), re.DOTALL | flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise node.error(
            f"{key} {text!r} is not a regular expression: {error}"
        ) from None


_PIECE: Final = re.compile(r"\\(.)|\(\?([iLmsux]+)\)|.", re.DOTALL)
_ESCAPES: Final = frozenset("AbBdDfnrsStvwWxZa")
"""Letters that mean something behind a backslash; any other letter was itself."""
_FLAGS: Final = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}


def _pattern_of_27(text: str) -> tuple[str, int]:
    """Return a pattern that Python 3 reads as Python 2.7 read this one, and its flags.

    Flags stood anywhere and counted for the whole; unknown escapes were the letter.
    """
    pieces: list[str] = []
    flags = 0
    bracket = -1
    for match in _PIECE.finditer(text):
        escaped, found = match[1], match[2]
        piece = match[0]
        if found and bracket < 0:
            # Letters for what Python 3 does anyway (u), and cannot do (L), have no
            # entry.
            for letter in found:
                flags |= _FLAGS.get(letter, 0)
            continue
        if escaped and escaped.isascii() and escaped.isalpha():
            piece = piece if escaped in _ESCAPES else escaped
        elif piece == "[" and bracket < 0:
            bracket = len(pieces)
        elif piece == "]" and bracket >= 0 and not _is_at_head(pieces, bracket):
            bracket = -1
        pieces.append(piece)
    return "".join(pieces), flags


def _is_at_head(pieces: Sequence[str], bracket: int) -> bool:
    """Tell whether the next piece is a class's first: a `]` there is itself."""
    inside = len(pieces) - bracket - 1
    return inside == 0 or (inside == 1 and pieces[-1] == "^")
