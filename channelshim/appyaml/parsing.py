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


def parse_pattern(node: Node, key: str, template: str = r"(?:{})\Z") -> re.Pattern[str]:
    """Return the regular expression, anchored at both ends.

    Args:
        node: its text; a ^ at its head and a $ at its end change nothing.
        key: what errors name.
        template: what is put around it; `match` is used, so the head is anchored.

    Raises:
        ConfigurationError: no regular expression.
    """
    text = node.text(key)
    try:
        re.compile(text)
        return re.compile(template.replace("{}", text), re.DOTALL)
    except (re.error, OverflowError, RecursionError) as error:
        raise node.error(
            f"{key} {text!r} is not a regular expression: {error}"
        ) from None
