"""Text of Python 2.7 to a list of tokens.

One regular expression cuts the whole text in one call of `findall`; the loop after it
only names the pieces. Positions are those of 2.7's own tokenizer, since the tree must
carry 2.7's line numbers: a string over several lines stands on its last line.

Why the cutting is linear in the text, hostile or not: in every alternative each
character can be taken in one way only, so a failed attempt gives each back once; and
what looks like a string without an end is then taken whole by the second group, as
far as the attempt had read. That group is the rubbish; its first piece is the error.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

Token = tuple[str, str, int, int, int, int]
"""Kind, text, line, column, end line, end column; columns in bytes of UTF-8.

The kind of a keyword or an operator is its text; the others are "name", "number",
"string", "newline", "indent", "dedent", "end" and "error".
"""

MAXIMUM_INDENTS: Final = 99
"""2.7: "too many levels of indentation" at a hundred."""

KEYWORDS: Final = (
    "and as assert break class continue def del elif else except exec finally for "
    "from global if import in is lambda not or pass print raise return try while "
    "with yield"
).split()

_OPERATORS: Final = (
    "( ) [ ] { } , : . ; @ ~ ` = == < <= > >= <> != + += - -= * *= ** **= / /= // //= "
    "% %= & &= | |= ^ ^= << <<= >> >>="
).split()

_KINDS: Final = {text: text for text in (*KEYWORDS, *_OPERATORS)}

_FIRST: Final = {
    **dict.fromkeys("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", "name"),
    **dict.fromkeys("0123456789.", "number"),
}

_BETWEEN_LINES: Final = frozenset(("newline", "indent", "dedent"))

_TOKEN: Final = re.compile(
    r"""([ \t\f]*)
    (?: ( (?![uUbB]?[rR]?["'])[A-Za-z_]\w*
    | [()\[\]{},:;@~`]
    | \.(?!\d)
    | \*\*=? | //=? | >>=? | <<=? | <> | != | [+\-*/%&|^=<>]=?
    | (?:\#[^\n]*)?\n (?:[ \t\f]*(?:\#[^\n]*)?\n)* [ \t\f]*
    | [uUbB]?[rR]?
      (?: '''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''
      | \"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*\"""
      | '(?!'')[^\n'\\]*(?:\\.[^\n'\\]*)*'
      | "(?!"")[^\n"\\]*(?:\\.[^\n"\\]*)*"
      )
    | 0[xX][\da-fA-F]+[lL]? | 0[oO][0-7]+[lL]? | 0[bB][01]+[lL]?
    | \d+[lL]
    | (?:\d+\.?\d*|\.\d+) (?:[eE][+-]?\d+)? [jJ]?
    | \\\n
    )
    | ( [uUbB]?[rR]?(?:'''|\""").*
      | [uUbB]?[rR]?'[^\n'\\]*(?:\\.[^\n'\\]*)*
      | [uUbB]?[rR]?"[^\n"\\]*(?:\\.[^\n"\\]*)*
      | .
      )
    )""",
    re.ASCII | re.DOTALL | re.VERBOSE,
)

_TAB_FORMS: Final = ("tab-width:", ":tabstop=", ":ts=", "set tabsize=")
"""2.7 reads the width of a tab from comments that Emacs, vi and others understand."""

_COMMENT: Final = re.compile(r"#[^\n]*")
_LEADING_NUMBER: Final = re.compile(r"[ \t\f\v\r]*([+-]?\d+)")


class TooComplexError(SyntaxError):
    """Source past a bound of ours. Python 3's own compiler may crash on it."""


def syntax_error(
    message: str,
    filename: str,
    line: int,
    column: int,
    lines: list[str],
    kind: type[SyntaxError] = SyntaxError,
) -> SyntaxError:
    """Return an error that tells file, line and text.

    Args:
        column: counted from 0, in characters.
        lines: all lines of the source.
    """
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    return kind(message, (filename, line, column + 1, text[:_TEXT_LIMIT] + "\n"))


_TEXT_LIMIT: Final = 1000
"""Characters of the line that an error shows: a hostile line has no end."""


class Tokenizer:
    """One text on its way to tokens.

    Args:
        text: the source with "\\n" as the only line end.
        filename: for errors.
    """

    def __init__(self, text: str, filename: str) -> None:
        if not text.endswith("\n"):
            text += "\n"
        self.text = text
        self.filename = filename
        self.tokens: list[Token] = []
        self.error: SyntaxError | None = None
        self._indents = [0]
        self._depth = 0
        self._line = 1
        self._line_start = 0
        self._tab_size = 8
        self._has_tab_forms = any(form in text for form in _TAB_FORMS)

    def fail(
        self,
        message: str,
        line: int,
        column: int,
        kind: type[SyntaxError] = SyntaxError,
    ) -> NoReturn:
        """Raise the error at a place of the text."""
        lines = self.text.split("\n")
        raise syntax_error(message, self.filename, line, column, lines, kind)

    def run(self) -> list[Token]:
        """Return all tokens, "end" last.

        What 2.7's tokenizer refuses ends the list early, with a token "error", and
        stands in `error`: the parser may find something wrong before it.

        Raises:
            TooComplexError: more brackets inside each other than the bound.
        """
        try:
            self._cut()
        except TooComplexError:
            raise
        except SyntaxError as error:
            self.error = error
            line = error.lineno or 1
            self.tokens.append(("error", "", line, 0, line, 0))
        if not self.text.isascii():
            _count_bytes(self.text, self.tokens)
        return self.tokens

    def _cut(self) -> None:
        # A line end before the text makes the first line one like the others.
        pieces = _TOKEN.findall("\n" + self.text)
        position = -1
        kinds, tokens = _KINDS, self.tokens
        for space, text, bad in pieces:
            start = position + len(space)
            position = start + len(text)
            kind = kinds.get(text)
            if kind is None:
                if bad:
                    self._rubbish(bad, start)
                kind = self._kind(text, start, position)
                if kind is None:
                    continue
                if kind == "string" and "\n" in text:
                    self._string_over_lines(text, position)
                    continue
            elif kind in "()[]{}":
                self._bracket(kind, start)
            line, line_start = self._line, self._line_start
            tokens.append(
                (kind, text, line, start - line_start, line, position - line_start)
            )
        self._finish()

    def _kind(self, text: str, start: int, end: int) -> str | None:
        """Return the kind of a piece; None when its tokens, if any, are made."""
        if text[-1] in "\"'":
            return "string"
        first = text[0]
        kind = _FIRST.get(first)
        if kind is not None:
            return kind
        if first in "\n#":
            self._line_end(text, start, end)
        else:
            # A backslash joins two lines.
            self._line += 1
            self._line_start = end
        return None

    def _string_over_lines(self, text: str, end: int) -> None:
        self._line += text.count("\n")
        self._line_start = end - (len(text) - text.rindex("\n") - 1)
        line = self._line
        # 2.7 gives such a string its last line and the column -1.
        self.tokens.append(("string", text, line, 0, line, end - self._line_start))

    def _bracket(self, kind: str, start: int) -> None:
        self._depth += 1 if kind in "([{" else -1
        if self._depth < 0:
            self.fail("invalid syntax", self._line, start - self._line_start)
        if self._depth > MAXIMUM_DEPTH:
            message, column = "too many nested parentheses", start - self._line_start
            self.fail(message, self._line, column, TooComplexError)

    def _line_end(self, text: str, start: int, end: int) -> None:
        """Read a line's end, the empty lines after it and the next indentation."""
        if self._has_tab_forms and "#" in text:
            self._read_tab_forms(text)
        line, column = self._line, start - self._line_start
        indentation = text[text.rindex("\n") + 1 :]
        if start >= 0:
            self._line += text.count("\n")
        else:
            self._line += text.count("\n") - 1
        self._line_start = end - len(indentation)
        if self._depth:
            return
        tokens = self.tokens
        if tokens and tokens[-1][0] not in _BETWEEN_LINES:
            tokens.append(("newline", "\n", line, column, line, column))
        if end < len(self.text) and not self.text.startswith("\\\n", end):
            self._indent(indentation)
        elif end < len(self.text):
            self._indent_before_continuation(indentation, end)

    def _indent_before_continuation(self, indentation: str, end: int) -> None:
        """Indent for a line that opens with a backslash, unless nothing follows."""
        rest = self.text[end:].lstrip("\\\n \t\f")
        if rest:
            self._indent(indentation)

    def _indent(self, indentation: str) -> None:
        width = self._width(indentation) if indentation else 0
        indents = self._indents
        if width == indents[-1]:
            return
        line, end = self._line, len(indentation)
        if width > indents[-1]:
            if len(indents) > MAXIMUM_INDENTS:
                message = "too many levels of indentation"
                self.fail(message, line, end, IndentationError)
            indents.append(width)
            self.tokens.append(("indent", "", line, 0, line, end))
            return
        while width < indents[-1]:
            indents.pop()
            self.tokens.append(("dedent", "", line, end, line, end))
        if width != indents[-1]:
            message = "unindent does not match any outer indentation level"
            self.fail(message, line, end, IndentationError)

    def _width(self, indentation: str) -> int:
        width, tab_size = 0, self._tab_size
        for character in indentation:
            if character == " ":
                width += 1
            elif character == "\t":
                width = (width // tab_size + 1) * tab_size
            else:
                width = 0
        return width

    def _read_tab_forms(self, text: str) -> None:
        """Take the width of tabs from comments.

        Source: CPython 2.7, Parser/tokenizer.c, tok_get: 79 characters of a comment,
        the first form that it contains, widths from 1 to 40.
        """
        for comment in _COMMENT.findall(text):
            shown = comment[1:80]
            for form in _TAB_FORMS:
                place = shown.find(form)
                if place < 0:
                    continue
                number = _LEADING_NUMBER.match(shown, place + len(form))
                if number and len(number[1]) < 9 and 1 <= int(number[1]) <= 40:
                    self._tab_size = int(number[1])

    def _finish(self) -> None:
        line = self._line
        tokens = self.tokens
        if tokens and not self._depth and tokens[-1][0] not in _BETWEEN_LINES:
            end_line, end_column = tokens[-1][4:]
            tokens.append(("newline", "", end_line, end_column, end_line, end_column))
        while len(self._indents) > 1 and not self._depth:
            self._indents.pop()
            tokens.append(("dedent", "", line, 0, line, 0))
        tokens.append(("end", "", line, 0, line, 0))

    def _rubbish(self, bad: str, start: int) -> NoReturn:
        """Raise for what starts no token."""
        line, column = self._line, start - self._line_start
        quoted = bad.lstrip("uUbBrR")
        if quoted.startswith(('"""', "'''")):
            message = "EOF while scanning triple-quoted string literal"
            self.fail(message, self.text.count("\n"), 0)
        if quoted[:1] in ("'", '"'):
            self.fail("EOL while scanning string literal", line, column)
        if bad == "\\":
            message = "unexpected character after line continuation character"
            self.fail(message, line, column)
        self.fail("invalid syntax", line, column)


MAXIMUM_DEPTH: Final = 96
"""Nested brackets; 2.7's own parser gives up at 96 to 100 ("parser stack overflow")."""


def _count_bytes(text: str, tokens: list[Token]) -> None:
    """Turn columns into bytes of UTF-8 on the lines that are not ASCII."""
    lines = text.split("\n")
    known_line, known_column, known_bytes, source = 0, 0, 0, ""

    def in_bytes(line: int, column: int) -> int:
        nonlocal known_line, known_column, known_bytes, source
        if line != known_line or column < known_column:
            known_line, known_column, known_bytes = line, 0, 0
            source = lines[line - 1] if line <= len(lines) else ""
            if source.isascii():
                source = ""
        if not source:
            return column
        # From the last place on: a line without end stays linear.
        passed = source[known_column:column]
        known_bytes += len(passed.encode("utf-8", "surrogatepass"))
        known_column = column
        return known_bytes

    for number, (kind, value, line, column, end_line, end_column) in enumerate(tokens):
        start = in_bytes(line, column)
        end = in_bytes(end_line, end_column)
        if start != column or end != end_column:
            tokens[number] = (kind, value, line, start, end_line, end)
