"""Reads a unit's command as systemd.service(5) says that systemd does."""

from __future__ import annotations

import re


def words_of(unit: str, variables: dict[str, str] | None = None) -> list[str]:
    """Return the words of ExecStart= in a unit.

    Args:
        unit: its text.
        variables: what `${NAME}` stands for.
    """
    joined = unit.replace("\\\n", " ")
    (line,) = re.findall(r"^ExecStart=(.*)$", joined, re.MULTILINE)
    program, *rest = split(line)
    return [_specifiers(program), *(_expand(_specifiers(w), variables) for w in rest)]


def split(line: str) -> list[str]:
    """Return the words of a line, without their quotes."""
    words: list[str] = []
    word: str | None = None
    quote = ""
    letters = iter(line)
    for letter in letters:
        if letter == "\\":
            word = (word or "") + next(letters)
        elif quote:
            if letter == quote:
                quote = ""
            else:
                word = (word or "") + letter
        elif letter in "'\"" and word is None:
            quote, word = letter, ""
        elif letter in " \t":
            if word is not None:
                words.append(word)
            word = None
        else:
            word = (word or "") + letter
    assert not quote, f"a quote is open: {line}"
    return [*words, word] if word is not None else words


def _specifiers(word: str) -> str:
    def replace(found: re.Match[str]) -> str:
        assert found[0] == "%%", f"a specifier: {word}"
        return "%"

    return re.sub("%.?", replace, word)


def _expand(word: str, variables: dict[str, str] | None) -> str:
    def replace(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        assert found[1], f"a variable: {word}"
        return (variables or {})[found[1]]

    return re.sub(r"\$(?:\{(\w+)\}|.|$)", replace, word)
