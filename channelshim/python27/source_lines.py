"""Which lines of a file in Python 2.7 are statements, for a report of coverage.

Translated code carries the lines of its source, so what runs is known already. What
could run is asked of the code too: the lines that its instructions stand on, each
taken to the first line of its statement, as coverage does it for Python 3.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Final

from channelshim.python27.compiling import compile_file
from channelshim.python27.lowering_functions import is_docstring
from channelshim.python27.nodes import Raise3, make_at
from channelshim.python27.parser import Parser
from channelshim.python27.tokens import Token
from channelshim.python27.translation import decode


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """One line of the grammar: from its first token to its end.

    Attributes:
        first: number of the line that it starts on.
        last: number of the line that it ends on.
        depth: blocks around it.
        is_decorator: what follows belongs to it.
    """

    first: int
    last: int
    depth: int
    is_decorator: bool


class SourceLines:
    """The statements of one file.

    Args:
        source: the file's bytes.
        filename: for errors.
        exclude: matches text that excludes its line, and the block that the line
            opens; "" excludes nothing.

    Attributes:
        is_python3: the file is none of ours, and nothing else is known of it.
        text: its text, with "\\n" as the only line end.
        tree: 2.7's tree, with `raise` in one form.
        first_lines: the first line of a statement by each of its lines, where it has
            several.
        code_lines: lines that instructions stand on.
        excluded: first lines of what is excluded.
        statements: first lines of all that can run and is not excluded.

    Raises:
        SyntaxError: it is neither Python 2.7 nor Python 3.
    """

    def __init__(self, source: bytes, filename: str, exclude: str = "") -> None:
        code, self.is_python3 = compile_file(source, filename)
        if self.is_python3:
            return
        self.text, encoding = decode(source, filename)
        parser = Parser(self.text, filename, encoding)
        logical_lines = list(_logical_lines(parser.tokens))
        self.tree: Final = parser.module()
        self.first_lines: Final = {
            number: line.first
            for line in logical_lines
            if line.last > line.first
            for number in range(line.first, line.last + 1)
        }
        self.code_lines: Final = frozenset(_lines_of(code))
        docstrings = self.first_of(_docstring_lines(self.tree))
        matching = self.matching(exclude) if exclude else set()
        self.excluded: Final = _with_blocks(matching, logical_lines)
        self.statements: Final = (
            self.first_of(self.code_lines) - docstrings - self.excluded
        )
        _unify_raise(self.tree)

    def first_of(self, numbers: Iterable[int]) -> set[int]:
        """Return the first lines of the statements that lines belong to."""
        return {self.first_lines.get(number, number) for number in numbers}

    def matching(self, pattern: str) -> set[int]:
        """Return the first lines of statements that have a match in their text."""
        found: set[int] = set()
        line = end = 0
        for match in re.finditer(pattern, self.text, re.MULTILINE):
            line += self.text.count("\n", end, match.start())
            end = match.start()
            height = match[0].count("\n")
            found.update(range(line + 1, line + height + 2))
        return self.first_of(found)


def _lines_of(code: CodeType) -> Iterator[int]:
    waiting = [code]
    while waiting:
        each = waiting.pop()
        waiting += [part for part in each.co_consts if isinstance(part, CodeType)]
        yield from (line for _, _, line in each.co_lines() if line)


def _logical_lines(tokens: list[Token]) -> Iterator[LogicalLine]:
    depth = first = 0
    is_decorator = False
    for kind, text, line, _, _, _ in tokens:
        if kind == "indent":
            depth += 1
        elif kind == "dedent":
            depth -= 1
        elif kind == "newline":
            yield LogicalLine(first, line, depth, is_decorator)
            first = 0
        elif not first:
            # A string over several lines stands on its last one.
            first = line - text.count("\n")
            is_decorator = kind == "@"


def _with_blocks(matching: set[int], lines: list[LogicalLine]) -> set[int]:
    """Return excluded lines with the blocks that they open."""
    excluded = set(matching)
    depth = -1
    for number, line in enumerate(lines):
        if 0 <= depth < line.depth:
            excluded.add(line.first)
            continue
        depth = -1
        if line.first in excluded:
            depth = line.depth
            if line.is_decorator and number + 1 < len(lines):
                excluded.add(lines[number + 1].first)
    return excluded


def _docstring_lines(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            if node.body and is_docstring(node.body[0]):
                yield node.body[0].lineno


def _unify_raise(tree: ast.Module) -> None:
    """Make `raise type, value` the node that says that nothing follows."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if not isinstance(statements, list):
                continue
            for number, statement in enumerate(statements):
                if statement.__class__ is Raise3:
                    fields = {"exc": statement.type, "cause": None}
                    statements[number] = make_at(ast.Raise, statement, fields)
