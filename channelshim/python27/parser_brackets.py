"""Everything in brackets: displays, comprehensions, subscripts, calls."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from channelshim.python27.nodes import (
    LOAD,
    STORE,
    make,
    make_from,
)
from channelshim.python27.parser_base import MAXIMUM_CHAIN
from channelshim.python27.parser_parameters import ParameterParser
from channelshim.python27.tokens import Token, TooComplexError


class BracketParser(ParameterParser):
    """What the expression parser leaves open."""

    def trailers(self, left: ast.expr) -> ast.expr:
        """Read calls, subscripts and attributes after an atom."""
        length = 0
        while True:
            kind = self.kind
            fields: dict[str, Any]
            if kind == ".":
                self.take()
                name = self.expect("name")
                fields = {"value": left, "attr": name[1], "ctx": LOAD}
                left = make_from(ast.Attribute, left, name, fields)
            elif kind == "(":
                self.enter()
                left = self.call(left)
                self.nesting -= 1
            elif kind == "[":
                self.enter()
                left = self._subscript(left)
                self.nesting -= 1
            else:
                return left
            length += 1
            if length > MAXIMUM_CHAIN:
                message = "too many calls or attributes in a row"
                self.fail(message, self.token, TooComplexError)

    # Displays and comprehensions.

    def parenthesized(self) -> ast.expr:
        """Read `()`, a tuple, a generator expression, a yield or one value."""
        opening = self.take()
        if self.kind == ")":
            return make(ast.Tuple, opening, self.take(), {"elts": [], "ctx": LOAD})
        if self.kind == "yield":
            value: ast.expr = self.yield_expression()
            self.expect(")")
            return value
        first = self.token
        value = self.test()
        if self.kind == "for":
            value = self._generator(first, value)
        elif self.kind == ",":
            elements = self._elements(value)
            fields = {"elts": elements, "ctx": LOAD}
            value = make(ast.Tuple, first, self.last(), fields)
        self.expect(")")
        return value

    def _elements(self, value: ast.expr) -> list[ast.expr]:
        values = [value]
        while self.kind == ",":
            self.take()
            if not self.starts_test():
                break
            values.append(self.test())
        return values

    def _generator(self, first: Token, element: ast.expr) -> ast.expr:
        generators = self._comprehension_parts()
        fields = {"elt": element, "generators": generators}
        return make(ast.GeneratorExp, first, self.last(), fields)

    def list_display(self) -> ast.expr:
        """Read a list or a list comprehension."""
        opening = self.take()
        if self.kind == "]":
            return make(ast.List, opening, self.take(), {"elts": [], "ctx": LOAD})
        first = self.token
        value = self.test()
        fields: dict[str, Any]
        if self.kind == "for":
            fields = {"elt": value, "generators": self._list_parts()}
            self.expect("]")
            return make(ast.ListComp, first, self.last(), fields)
        fields = {"elts": self._elements(value), "ctx": LOAD}
        self.expect("]")
        return make(ast.List, opening, self.last(), fields)

    def braces(self) -> ast.expr:
        """Read a dictionary, a set or a comprehension of either."""
        opening = self.take()
        if self.kind == "}":
            return make(ast.Dict, opening, self.take(), {"keys": [], "values": []})
        first = self.token
        value = self.test()
        if self.kind == ":":
            return self._dictionary(opening, first, value)
        fields: dict[str, Any]
        if self.kind == "for":
            fields = {"elt": value, "generators": self._comprehension_parts()}
            self.expect("}")
            return make(ast.SetComp, first, self.last(), fields)
        fields = {"elts": self._elements(value)}
        self.expect("}")
        return make(ast.Set, opening, self.last(), fields)

    def _dictionary(self, opening: Token, first: Token, key: ast.expr) -> ast.expr:
        self.take()
        value = self.test()
        fields: dict[str, Any]
        if self.kind == "for":
            generators = self._comprehension_parts()
            fields = {"key": key, "value": value, "generators": generators}
            self.expect("}")
            return make(ast.DictComp, first, self.last(), fields)
        keys, values = [key], [value]
        while self.kind == ",":
            self.take()
            if self.kind == "}":
                break
            keys.append(self.test())
            self.expect(":")
            values.append(self.test())
        self.expect("}")
        fields = {"keys": keys, "values": values}
        return make(ast.Dict, opening, self.last(), fields)

    def _comprehension_parts(self) -> list[ast.comprehension]:
        """Read the `for` and `if` of a comprehension with a scope of its own."""
        return self._parts(self.or_test, self.scope.shadowed)

    def _list_parts(self) -> list[ast.comprehension]:
        """Read those of a list: its names stay, tuples need no bracket."""
        return self._parts(self._safe_test_list, self.scope.leaked)

    def _parts(
        self, iterated: Callable[[], ast.expr], names: dict[str, int]
    ) -> list[ast.comprehension]:
        parts: list[ast.comprehension] = []
        while self.kind == "for":
            self.take()
            target = self.target_list(names)
            self.expect("in")
            source = iterated()
            conditions: list[ast.expr] = []
            while self.kind == "if":
                self.take()
                conditions.append(self.old_test())
            part = ast.comprehension.__new__(ast.comprehension)
            part.__dict__ = {
                "target": target,
                "iter": source,
                "ifs": conditions,
                "is_async": 0,
            }
            parts.append(part)
            if len(parts) > 20:
                # 2.7 and Python 3 allow twenty blocks inside each other.
                message = "too many for clauses"
                self.fail(message, self.token, TooComplexError)
        return parts

    def _safe_test_list(self) -> ast.expr:
        first = self.token
        value = self.old_test()
        if self.kind != ",":
            return value
        values = [value]
        while self.kind == ",":
            self.take()
            if not self.starts_test():
                break
            values.append(self.old_test())
        fields = {"elts": values, "ctx": LOAD}
        return make(ast.Tuple, first, self.last(), fields)

    def target_list(self, names: dict[str, int]) -> ast.expr:
        """Read what a `for` assigns to."""
        target = self.expression()
        if self.kind == ",":
            elements = [target]
            while self.kind == ",":
                self.take()
                if not self.starts_test():
                    break
                elements.append(self.expression())
            fields = {"elts": elements, "ctx": STORE}
            target = make_from(ast.Tuple, target, self.last(), fields)
        self.store(target, names)
        return target

    # Subscripts.

    def _subscript(self, left: ast.expr) -> ast.expr:
        self.take()
        first = self.token
        index = self._slice_part()
        if self.kind == ",":
            parts = [index]
            while self.kind == ",":
                self.take()
                if self.kind == "]":
                    break
                parts.append(self._slice_part())
            fields: dict[str, Any] = {"elts": parts, "ctx": LOAD}
            index = make(ast.Tuple, first, self.last(), fields)
        closing = self.expect("]")
        fields = {"value": left, "slice": index, "ctx": LOAD}
        return make_from(ast.Subscript, left, closing, fields)

    def _slice_part(self) -> ast.expr:
        first = self.token
        if self.kind == ".":
            for _ in range(3):
                self.expect(".")
            fields: dict[str, Any] = {"value": ..., "kind": None}
            return make(ast.Constant, first, self.last(), fields)
        lower = None if self.kind == ":" else self.test()
        if lower is not None and self.kind != ":":
            return lower
        self.expect(":")
        upper = self.test() if self.starts_test() else None
        step: ast.expr | None = None
        if self.kind == ":":
            colon = self.take()
            if self.starts_test():
                step = self.test()
            else:
                # 2.7's tree has the name None here.
                step = make(ast.Name, colon, colon, {"id": "None", "ctx": LOAD})
        fields = {"lower": lower, "upper": upper, "step": step}
        return make(ast.Slice, first, self.last(), fields)

    # Calls.

    def call(self, function: ast.expr) -> ast.expr:
        """Read the arguments of a call."""
        self.take()
        arguments: list[ast.expr] = []
        keywords: list[ast.keyword] = []
        spread: ast.expr | None = None
        bare: ast.expr | None = None
        while self.kind != ")":
            if self.kind == "**":
                self.take()
                keywords.append(self._keyword(None, self.last(), self.test()))
                break
            if self.kind == "*" and spread is None:
                star = self.take()
                fields: dict[str, Any] = {"value": self.test(), "ctx": LOAD}
                spread = make(ast.Starred, star, self.last(), fields)
            else:
                bare = self._argument(arguments, keywords, spread) or bare
            if self.kind != ",":
                break
            self.take()
            if self.kind == ")" and spread is not None:
                self.fail_here()
        closing = self.expect(")")
        if bare is not None and len(arguments) + len(keywords) > 1:
            message = "Generator expression must be parenthesized if not sole argument"
            self.fail(message, bare)
        if spread is not None:
            arguments.append(spread)
        fields = {"func": function, "args": arguments, "keywords": keywords}
        return make_from(ast.Call, function, closing, fields)

    def _argument(
        self,
        arguments: list[ast.expr],
        keywords: list[ast.keyword],
        spread: ast.expr | None,
    ) -> ast.expr | None:
        """Read one argument; return it when it is a generator without brackets."""
        first = self.token
        value = self.test()
        if self.kind == "=":
            self._named_argument(first, value, keywords)
            return None
        bare = None
        if self.kind == "for":
            bare = value = self._generator(first, value)
        if keywords:
            self.fail("non-keyword arg after keyword arg", value)
        if spread is not None:
            self.fail("only named arguments may follow *expression", value)
        arguments.append(value)
        return bare

    def _named_argument(
        self, first: Token, name: ast.expr, keywords: list[ast.keyword]
    ) -> None:
        self.take()
        if name.__class__ is not ast.Name:
            is_lambda = name.__class__ is ast.Lambda
            message = "keyword can't be an expression"
            self.fail(
                "lambda cannot contain assignment" if is_lambda else message, name
            )
        identifier: str = name.id
        if identifier == "None":
            self.fail("cannot assign to None", name)
        if any(keyword.arg == identifier for keyword in keywords):
            self.fail("keyword argument repeated", name)
        keywords.append(self._keyword(identifier, first, self.test()))

    def _keyword(self, name: str | None, first: Token, value: ast.expr) -> ast.keyword:
        return make(ast.keyword, first, self.last(), {"arg": name, "value": value})

    def yield_expression(self) -> ast.Yield:
        """Read `yield` and its value."""
        first = self.take()
        if self.scope.kind != "function":
            self.fail("'yield' outside function", first)
        self.scope.is_generator = True
        value = self.test_list() if self.starts_test() else None
        return make(ast.Yield, first, self.last(), {"value": value})
