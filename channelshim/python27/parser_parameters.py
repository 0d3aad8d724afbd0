"""Parameters of def and lambda, tuples among them."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Final

from channelshim.python27.nodes import STORE, Scope, TupleParameter, make, make_at
from channelshim.python27.parser_expressions import ExpressionParser

_ERROR_NAMES: Final = frozenset(
    "e ex exc err error exception exc_value exc_val evalue failure".split()
)
"""Parameters that are given exceptions, as a rule."""


class ParameterParser(ExpressionParser):
    """What a function takes, and lambdas as a whole."""

    def lambda_form(self, body: Callable[[], ast.expr]) -> ast.expr:
        """Read a lambda whose body is read by a function."""
        first = self.take()
        self.enter()
        outer, self.scope = self.scope, Scope("function")
        parameters = self.parameters(":")
        self.expect(":")
        fields = {"args": parameters, "body": body(), "scope": self.scope}
        self.scope = outer
        self.nesting -= 1
        return make(ast.Lambda, first, self.last(), fields)

    def parameters(self, closing: str) -> ast.arguments:
        """Read the parameters of a def or lambda, up to a closing token."""
        names: list[ast.arg] = []
        defaults: list[ast.expr] = []
        fields: dict[str, Any] = {
            "posonlyargs": [],
            "args": names,
            "vararg": None,
            "kwonlyargs": [],
            "kw_defaults": [],
            "kwarg": None,
            "defaults": defaults,
        }
        while self.kind != closing:
            if self.kind == "*" and fields["vararg"] is None:
                self.take()
                fields["vararg"] = self._parameter_name()
                if self.kind == ",":
                    self.take()
                    if self.kind != "**":
                        self.fail_here()
                    continue
                break
            if self.kind == "**":
                self.take()
                fields["kwarg"] = self._parameter_name()
                break
            names.append(self._parameter())
            if self.kind == "=":
                self.take()
                defaults.append(self.test())
            elif defaults:
                self.fail("non-default argument follows default argument", self.last())
            if self.kind != ",":
                break
            self.take()
        arguments = ast.arguments.__new__(ast.arguments)
        arguments.__dict__ = fields
        return arguments

    def _parameter_name(self) -> ast.arg:
        token = self.expect("name")
        self.bind(token[1], self.scope.bound, token)
        if token[1] in _ERROR_NAMES:
            self.scope.error_names.add(token[1])
        fields = {"arg": token[1], "annotation": None, "type_comment": None}
        return make(ast.arg, token, token, fields)

    def _parameter(self) -> ast.arg:
        """Read a name, or names in brackets."""
        if self.kind != "(":
            return self._parameter_name()
        first = self.token
        target = self._bracketed_parameter()
        if isinstance(target, ast.Name):
            fields = {"arg": target.id, "annotation": None, "type_comment": None}
            return make_at(ast.arg, target, fields)
        return make(TupleParameter, first, self.last(), {"target": target})

    def _bracketed_parameter(self) -> ast.expr:
        self.enter()
        self.take()
        first = self.token
        elements: list[ast.expr] = []
        is_tuple = False
        while True:
            if self.kind == "(":
                elements.append(self._bracketed_parameter())
            else:
                token = self.expect("name")
                self.bind(token[1], self.scope.bound, token)
                fields: dict[str, Any] = {"id": token[1], "ctx": STORE}
                elements.append(make(ast.Name, token, token, fields))
            if self.kind != ",":
                break
            is_tuple = True
            self.take()
            if self.kind == ")":
                break
        self.expect(")")
        self.nesting -= 1
        if not is_tuple:
            return elements[0]
        fields = {"elts": elements, "ctx": STORE}
        return make(ast.Tuple, first, self.tokens[self.index - 2], fields)
