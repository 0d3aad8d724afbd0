"""A document's terms as tokens, which every engine looks up alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_SPELLED: Final = re.compile(r"[\x00-/:-`z-\x7f]")
"""ASCII but for its digits and a to y."""

EVERYTHING: Final = "all"
"""A term of every document."""

HIGHEST: Final = chr(0x10FFFF)
"""Sorts after every character."""


def token_of(index_id: int, text: str) -> str:
    """Return a term of an index as one token of FTS5's tokenizer "ascii".

    That folds ASCII's capitals and splits at its other signs: those are spelled out,
    "z" and two digits, letter by letter, so that prefixes stay prefixes.
    """
    spelled = _SPELLED.sub(lambda found: f"z{ord(found[0]):02x}", text)
    return f"i{index_id}z2d{spelled}"


def tokens_of(index_id: int, texts: Iterable[str]) -> str:
    """Return the tokens of a document's terms, joined by blanks."""
    tokens = {token_of(index_id, text) for text in texts}
    return " ".join(sorted(tokens | {token_of(index_id, EVERYTHING)}))
