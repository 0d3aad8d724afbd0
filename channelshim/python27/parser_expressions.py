"""Expressions of 2.7, by recursive descent and precedence climbing.

Where a node starts is 2.7's rule, not Python 3's: a tuple at its first element, a
binary operator that continues a chain on another line at that operator, a call or an
attribute where its innermost part starts.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Final

from channelshim.python27.nodes import LOAD, Repr, make
from channelshim.python27.parser_base import MAXIMUM_CHAIN, ParserBase
from channelshim.python27.parser_literals import (
    join_values,
    number_value,
    string_value,
)
from channelshim.python27.tokens import Token, TooComplexError

_OR, _AND, _NOT, _COMPARE, _BIT_OR = 1, 2, 3, 4, 5
_UNARY: Final = 11

_LEVELS: Final = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(("in", "not", "is", "<", ">", "<=", ">=", "==", "!=", "<>"), 4),
    "|": _BIT_OR,
    "^": 6,
    "&": 7,
    "<<": 8,
    ">>": 8,
    "+": 9,
    "-": 9,
    "*": 10,
    "/": 10,
    "%": 10,
    "//": 10,
}

OPERATORS: Final[dict[str, ast.operator]] = {
    "|": ast.BitOr(),
    "^": ast.BitXor(),
    "&": ast.BitAnd(),
    "<<": ast.LShift(),
    ">>": ast.RShift(),
    "+": ast.Add(),
    "-": ast.Sub(),
    "*": ast.Mult(),
    "/": ast.Div(),
    "%": ast.Mod(),
    "//": ast.FloorDiv(),
    "**": ast.Pow(),
}

_BOOLEAN: Final[dict[str, ast.boolop]] = {"or": ast.Or(), "and": ast.And()}

_COMPARISONS: Final[dict[str, ast.cmpop]] = {
    "<": ast.Lt(),
    ">": ast.Gt(),
    "<=": ast.LtE(),
    ">=": ast.GtE(),
    "==": ast.Eq(),
    "!=": ast.NotEq(),
    "<>": ast.NotEq(),
    "in": ast.In(),
    "is": ast.Is(),
    "is not": ast.IsNot(),
    "not in": ast.NotIn(),
}

_SIGNS: Final[dict[str, ast.unaryop]] = {
    "-": ast.USub(),
    "+": ast.UAdd(),
    "~": ast.Invert(),
}

_NOT_OPERATOR: Final = ast.Not()

_AFTER_NUMBER: Final = frozenset(("**", "(", "[", "."))


class ExpressionParser(ParserBase):
    """Operators; what they join is read by `_atom` and `_trailers`."""

    def test(self) -> ast.expr:
        """Read `test`: a lambda, or operators with an optional condition."""
        if self.kind == "lambda":
            return self.lambda_form(self.test)
        first = self.token
        body = self.binary(_OR)
        if self.kind != "if":
            return body
        self.take()
        condition = self.binary(_OR)
        self.expect("else")
        self.enter()
        otherwise = self.test()
        self.nesting -= 1
        fields = {"test": condition, "body": body, "orelse": otherwise}
        return make(ast.IfExp, first, self.last(), fields)

    def old_test(self) -> ast.expr:
        """Read `old_test`: no condition, so that `if` can follow."""
        if self.kind == "lambda":
            return self.lambda_form(self.old_test)
        return self.binary(_OR)

    def lambda_form(self, body: Callable[[], ast.expr]) -> ast.expr:
        """Read a lambda whose body is read by a function."""
        raise NotImplementedError

    def expression(self) -> ast.expr:
        """Read `expr`: operators that bind more tightly than comparisons."""
        return self.binary(_BIT_OR)

    def or_test(self) -> ast.expr:
        """Read `or_test`."""
        return self.binary(_OR)

    def binary(self, minimum: int) -> ast.expr:
        """Read operands and the operators of at least this level between them."""
        first = self.token
        kind = first[0]
        if kind == "name":
            left = self.power()
        elif kind == "not":
            left = self._not(minimum)
        elif kind in _SIGNS:
            left = self._signed()
        else:
            left = self.power()
        levels = _LEVELS
        # 2.7 gives the first operator of a chain of one level the place where the
        # chain starts, each further one its own place.
        chain_level = chain_length = 0
        while True:
            operator = self.token
            level = levels.get(operator[0], 0)
            if level < minimum or not level:
                return left
            if level == _COMPARE:
                if operator[0] == "not" and self.tokens[self.index + 1][0] != "in":
                    return left
                left = self._comparison(first, left)
            elif level <= _AND:
                left = self._boolean(first, left, level)
            else:
                self.take()
                right = self.binary(level + 1)
                if level != chain_level:
                    chain_level, start = level, first
                elif operator[2] != first[2]:
                    start = operator
                chain_length += 1
                if chain_length > MAXIMUM_CHAIN:
                    message = "too many operators in one expression"
                    self.fail(message, operator, TooComplexError)
                fields = {"left": left, "op": OPERATORS[operator[0]], "right": right}
                left = make(ast.BinOp, start, self.last(), fields)

    def _not(self, minimum: int) -> ast.expr:
        if minimum > _NOT:
            self.fail_here()
        first = self.take()
        self.enter()
        operand = self.binary(_NOT)
        self.nesting -= 1
        fields = {"op": _NOT_OPERATOR, "operand": operand}
        return make(ast.UnaryOp, first, self.last(), fields)

    def _boolean(self, first: Token, left: ast.expr, level: int) -> ast.expr:
        operator = self.kind
        values = [left]
        while self.kind == operator:
            self.take()
            values.append(self.binary(level + 1))
        fields = {"op": _BOOLEAN[operator], "values": values}
        return make(ast.BoolOp, first, self.last(), fields)

    def _comparison(self, first: Token, left: ast.expr) -> ast.expr:
        operators: list[ast.cmpop] = []
        comparators: list[ast.expr] = []
        while _LEVELS.get(self.kind) == _COMPARE:
            operator = self.take()[0]
            if operator == "is" and self.kind == "not":
                self.take()
                operator = "is not"
            elif operator == "not":
                self.expect("in")
                operator = "not in"
            operators.append(_COMPARISONS[operator])
            comparators.append(self.binary(_BIT_OR))
        fields = {"left": left, "ops": operators, "comparators": comparators}
        return make(ast.Compare, first, self.last(), fields)

    def _signed(self) -> ast.expr:
        """Read a sign and its operand; `-1` is one number, as in 2.7's tree."""
        first = self.take()
        sign = first[0]
        if sign == "-" and self.kind == "number":
            following = self.tokens[self.index + 1][0]
            if following not in _AFTER_NUMBER:
                return self._number(first, is_negative=True)
        self.enter()
        operand = self._signed() if self.kind in _SIGNS else self.power()
        self.nesting -= 1
        fields = {"op": _SIGNS[sign], "operand": operand}
        return make(ast.UnaryOp, first, self.last(), fields)

    def power(self) -> ast.expr:
        """Read an atom, what follows it, and a power."""
        first = self.token
        if first[0] == "name":
            self.take()
            fields: dict[str, Any] = {"id": first[1], "ctx": LOAD}
            left: ast.expr = make(ast.Name, first, first, fields)
        else:
            left = self.atom()
        if self.kind in (".", "(", "["):
            left = self.trailers(left)
        if self.kind != "**":
            return left
        self.take()
        self.enter()
        right = self._signed() if self.kind in _SIGNS else self.power()
        self.nesting -= 1
        fields = {"left": left, "op": OPERATORS["**"], "right": right}
        return make(ast.BinOp, first, self.last(), fields)

    def atom(self) -> ast.expr:
        """Read a literal or what stands in brackets."""
        kind = self.kind
        if kind == "string":
            return self._string()
        if kind == "number":
            return self._number(self.token, is_negative=False)
        if kind not in ("(", "[", "{", "`"):
            self.fail_here()
        self.enter()
        if kind == "(":
            result = self.parenthesized()
        elif kind == "[":
            result = self.list_display()
        elif kind == "{":
            result = self.braces()
        else:
            result = self._backticks()
        self.nesting -= 1
        return result

    def trailers(self, left: ast.expr) -> ast.expr:
        """Read calls, subscripts and attributes after an atom."""
        raise NotImplementedError

    def parenthesized(self) -> ast.expr:
        """Read what starts with `(`."""
        raise NotImplementedError

    def list_display(self) -> ast.expr:
        """Read what starts with `[`."""
        raise NotImplementedError

    def braces(self) -> ast.expr:
        """Read what starts with `{`."""
        raise NotImplementedError

    def _backticks(self) -> ast.expr:
        first = self.take()
        start = self.token
        value = self.test()
        if self.kind == ",":
            values = [value]
            while self.kind == ",":
                self.take()
                values.append(self.test())
            fields = {"elts": values, "ctx": LOAD}
            value = make(ast.Tuple, start, self.last(), fields)
        self.expect("`")
        return make(Repr, first, self.last(), {"value": value})

    def _number(self, first: Token, *, is_negative: bool) -> ast.expr:
        token = self.take()
        try:
            value = number_value(token[1])
        except ValueError as error:
            message = "invalid token"
            if "digits" in str(error):
                message = "a number with too many digits"
            self.fail(message, token)
        if is_negative:
            # Not -value: 2.7 reads "-1j" as a text, which leaves the real part 0.
            is_complex = isinstance(value, complex)
            value = complex(0.0, -value.imag) if is_complex else -value
        return make(ast.Constant, first, token, {"value": value, "kind": None})

    def _string(self) -> ast.expr:
        first = token = self.take()
        text = token[1]
        if self.kind != "string" and text[0] in "\"'" and "\\" not in text:
            width = 3 if len(text) >= 6 and text[1] == text[0] == text[2] else 1
            body = text[width:-width]
            if body.isascii():
                kind = "u" if self.unicode_literals else None
                return make(ast.Constant, first, first, {"value": body, "kind": kind})
        parts = []
        while True:
            try:
                part = string_value(
                    token[1], self.encoding, unicode_literals=self.unicode_literals
                )
            except ValueError as error:
                self.fail(f"(value error) {error}", token)
            parts.append(part)
            if self.kind != "string":
                break
            token = self.take()
        value, kind = join_values(parts)
        fields = {"value": value, "kind": kind or None}
        return make(ast.Constant, first, token, fields)

    def test_list(self) -> ast.expr:
        """Read `testlist`: one test, or a tuple without brackets."""
        first = self.token
        value = self.test()
        if self.kind != ",":
            return value
        values = [value]
        while self.kind == ",":
            self.take()
            if self.kind not in _STARTS:
                break
            values.append(self.test())
        fields = {"elts": values, "ctx": LOAD}
        return make(ast.Tuple, first, self.last(), fields)

    def starts_test(self) -> bool:
        """Tell whether a test can start at the current token."""
        return self.kind in _STARTS


_STARTS: Final = frozenset(
    ("name", "number", "string", "(", "[", "{", "`", "-", "+", "~", "not", "lambda")
)
