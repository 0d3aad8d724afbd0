"""What every part of the parser stands on: the current token, scopes, targets."""

from __future__ import annotations

import ast
from typing import Final, NoReturn

from channelshim.python27.nodes import DELETE, STORE, Repr, Scope
from channelshim.python27.tokens import (
    Token,
    Tokenizer,
    TooComplexError,
    syntax_error,
)

MAXIMUM_NESTING: Final = 120
"""Blocks, brackets and prefix operators inside each other.

Each level is at most six frames of Python, and a program's default is a thousand. 2.7
itself takes a hundred blocks or 95 brackets.
"""

MAXIMUM_CHAIN: Final = 1000
"""Operators, calls or attributes in a row, as in `a + b + c`.

They nest in the tree, and Python's own compiler gives up between 1,000 and 3,000.
"""

_UNASSIGNABLE: Final[dict[type[ast.AST], str]] = {
    ast.BinOp: "operator",
    ast.BoolOp: "operator",
    ast.UnaryOp: "operator",
    ast.Call: "function call",
    ast.Compare: "comparison",
    ast.Constant: "literal",
    ast.Dict: "literal",
    ast.DictComp: "dict comprehension",
    ast.GeneratorExp: "generator expression",
    ast.IfExp: "conditional expression",
    ast.Lambda: "lambda",
    ast.ListComp: "list comprehension",
    Repr: "repr",
    ast.Set: "literal",
    ast.SetComp: "set comprehension",
    ast.Yield: "yield expression",
}


class ParserBase:
    """The tokens of one text and the place where the parser stands.

    Args:
        text: the source with "\\n" as the only line end.
        filename: for errors.
        encoding: in which the source file was written.
        features: future imports that the text inherits.
    """

    def __init__(
        self,
        text: str,
        filename: str,
        encoding: str,
        features: frozenset[str] = frozenset(),
    ) -> None:
        self.text = text
        self.filename = filename
        self.encoding = encoding
        tokenizer = Tokenizer(text, filename)
        self.tokens: list[Token] = tokenizer.run()
        self._tokens_error = tokenizer.error
        self.index: int = 0
        self.token: Token = self.tokens[0]
        self.kind: str = self.token[0]
        self.nesting: int = 0
        self.scope: Scope = Scope("module")
        self.bound_anywhere: set[str] = set()
        self.features: frozenset[str] = features | _imported_features(text, self.tokens)
        self.unicode_literals: bool = "unicode_literals" in self.features
        if "print_function" in self.features:
            self._use_print_function()

    def _use_print_function(self) -> None:
        """Make `print` a name."""
        tokens = self.tokens
        for number, token in enumerate(tokens):
            if token[0] == "print":
                tokens[number] = ("name", *token[1:])
        self.token = tokens[0]
        self.kind = self.token[0]

    def take(self) -> Token:
        """Return the current token and step past it."""
        token = self.token
        self.index += 1
        self.token = following = self.tokens[self.index]
        self.kind = following[0]
        return token

    def last(self) -> Token:
        """Return the token before the current one."""
        return self.tokens[self.index - 1]

    def expect(self, kind: str) -> Token:
        """Step past a token of this kind.

        Raises:
            SyntaxError: the current token is another.
        """
        if self.kind != kind:
            self.fail_here()
        return self.take()

    def fail_here(self) -> NoReturn:
        """Raise because the current token fits nowhere."""
        kind = self.kind
        if self._tokens_error is not None and kind == "error":
            raise self._tokens_error
        if kind == "indent":
            self.fail("unexpected indent", self.token, IndentationError)
        if kind == "dedent":
            self.fail("unexpected unindent", self.token, IndentationError)
        if kind == "end":
            line = max(self.token[2] - 1, 1)
            place = ("end", "", line, 0, line, 0)
            self.fail("unexpected EOF while parsing", place)
        self.fail("invalid syntax", self.token)

    def fail(
        self,
        message: str,
        place: Token | ast.expr,
        kind: type[SyntaxError] = SyntaxError,
    ) -> NoReturn:
        """Raise at a token or a node."""
        if isinstance(place, tuple):
            line, column = place[2], place[3]
        else:
            line, column = place.lineno, place.col_offset
        lines = self.text.split("\n")
        raise syntax_error(message, self.filename, line, column, lines, kind)

    def enter(self) -> None:
        """Count one more level of nesting.

        Raises:
            SyntaxError: too many.
        """
        self.nesting += 1
        if self.nesting > MAXIMUM_NESTING:
            self.fail("too deeply nested", self.token, TooComplexError)

    def store(self, target: ast.expr, names: dict[str, int]) -> None:
        """Make an expression a target of assignment.

        Args:
            names: takes what it binds.

        Raises:
            SyntaxError: nothing can be assigned to it.
        """
        kind = target.__class__
        if kind is ast.Name:
            self.bind(target.id, names, target)  # type: ignore[attr-defined]
            target.ctx = STORE  # type: ignore[attr-defined]
        elif kind is ast.Attribute:
            if target.attr == "None":  # type: ignore[attr-defined]
                self.fail("cannot assign to None", target)
            target.ctx = STORE  # type: ignore[attr-defined]
        elif kind is ast.Subscript:
            target.ctx = STORE  # type: ignore[attr-defined]
        elif kind is ast.Tuple or kind is ast.List:
            elements: list[ast.expr] = target.elts  # type: ignore[attr-defined]
            if not elements and kind is ast.Tuple:
                self.fail("can't assign to ()", target)
            target.ctx = STORE  # type: ignore[attr-defined]
            for element in elements:
                self.store(element, names)
        else:
            self.fail(f"can't assign to {_UNASSIGNABLE[kind]}", target)

    def bind(self, name: str, names: dict[str, int], place: Token | ast.expr) -> None:
        """Note that a name is bound.

        Raises:
            SyntaxError: it is None or __debug__.
        """
        if name in ("None", "__debug__"):
            self.fail(f"cannot assign to {name}", place)
        self.bound_anywhere.add(name)
        names[name] = names.get(name, 0) + 1

    def delete(self, target: ast.expr) -> None:
        """Make an expression a target of del.

        Raises:
            SyntaxError: it cannot be deleted.
        """
        kind = target.__class__
        if kind is ast.Tuple or kind is ast.List:
            elements: list[ast.expr] = target.elts  # type: ignore[attr-defined]
            if not elements and kind is ast.Tuple:
                self.fail("can't delete ()", target)
            for element in elements:
                self.delete(element)
        elif kind is ast.Name:
            # No binding of its own: what is deleted has been bound elsewhere.
            self.bind(target.id, {}, target)  # type: ignore[attr-defined]
        elif kind is not ast.Attribute and kind is not ast.Subscript:
            self.fail(f"can't delete {_UNASSIGNABLE[kind]}", target)
        target.ctx = DELETE  # type: ignore[attr-defined]


def _imported_features(text: str, tokens: list[Token]) -> frozenset[str]:
    """Return the names that a text imports from __future__.

    Known before parsing: `unicode_literals` reaches back to the docstring above it.
    """
    if "__future__" not in text:
        return frozenset()
    features: set[str] = set()
    for number, token in enumerate(tokens):
        if token[1] != "__future__" or tokens[number - 1][0] != "from":
            continue
        for following in tokens[number + 1 :]:
            if following[0] == "newline":
                break
            features.add(following[1])
    return frozenset(features)
