"""Statements of 2.7: text in, a tree of `ast` nodes out.

The grammar is that of CPython 2.7.18 (Grammar/Grammar and Python/ast.c), frozen since
2020; the tree is the one that 2.7's own `ast` gives, with its line numbers. A test
compares the two over 2.7's whole library.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Final

from channelshim.python27.nodes import LOAD, Scope, make, make_from
from channelshim.python27.parser_simple import SimpleParser
from channelshim.python27.tokens import Token


class Parser(SimpleParser):
    """One text on its way to a tree."""

    def module(self) -> ast.Module:
        """Return the tree of a file.

        Raises:
            SyntaxError: the text is no Python 2.7.
        """
        body: list[ast.stmt] = []
        while self.kind != "end":
            self._statement(body)
        module = ast.Module(body=body, type_ignores=[])
        module.__dict__["scope"] = self.scope
        return module

    def single_expression(self) -> ast.Expression:
        """Return the tree of the text of `eval`.

        Raises:
            SyntaxError: the text is no expression of Python 2.7.
        """
        value = self.test_list()
        if self.kind == "newline":
            self.take()
        if self.kind != "end":
            self.fail_here()
        expression = ast.Expression(body=value)
        expression.__dict__["scope"] = self.scope
        return expression

    # Blocks.

    def _statement(self, body: list[ast.stmt]) -> None:
        compound = _COMPOUND.get(self.kind)
        if compound is not None:
            body.append(compound(self))
        else:
            self.simple_line(body)

    def _block(self) -> list[ast.stmt]:
        """Read `: suite`."""
        self.expect(":")
        body: list[ast.stmt] = []
        if self.kind != "newline":
            self.simple_line(body)
            return body
        self.take()
        if self.kind != "indent":
            self.fail("expected an indented block", self.token, IndentationError)
        self.enter()
        self.take()
        while self.kind != "dedent":
            if self.kind == "end":
                self.fail_here()
            self._statement(body)
        self.take()
        self.nesting -= 1
        return body

    def _if(self) -> ast.stmt:
        first = self.take()
        top = current = self._if_part(first)
        while self.kind == "elif":
            self.take()
            # 2.7's tree has the rest start at its condition, not at `elif`.
            following = self._if_part(self.token)
            current.orelse = [following]
            current = following
        if self.kind == "else":
            self.take()
            current.orelse = self._block()
        return top

    def _if_part(self, first: Token) -> ast.If:
        condition = self.test()
        fields = {"test": condition, "body": self._block(), "orelse": []}
        return make(ast.If, first, self._end(), fields)

    def _end(self) -> Token:
        """Return the last token that is part of the statement just read."""
        index = self.index - 1
        while index > 0 and self.tokens[index][0] in ("dedent", "newline"):
            index -= 1
        return self.tokens[index]

    def _else(self) -> list[ast.stmt]:
        if self.kind != "else":
            return []
        self.take()
        return self._block()

    def _while(self) -> ast.stmt:
        first = self.take()
        condition = self.test()
        fields = {"test": condition, "body": self._block(), "orelse": self._else()}
        return make(ast.While, first, self._end(), fields)

    def _for(self) -> ast.stmt:
        first = self.take()
        target = self.target_list(self.scope.bound)
        self.expect("in")
        fields: dict[str, Any] = {"target": target, "iter": self.test_list()}
        self._note_counter(target, fields["iter"])
        fields["body"] = self._block()
        fields["orelse"] = self._else()
        fields["type_comment"] = None
        return make(ast.For, first, self._end(), fields)

    def _note_counter(self, target: ast.expr, source: ast.expr) -> None:
        """Keep that a loop counts: `for i in range(n)`, `for i, x in enumerate(y)`."""
        if not isinstance(source, ast.Call) or not isinstance(source.func, ast.Name):
            return
        name = source.func.id
        if name == "enumerate" and isinstance(target, ast.Tuple):
            if len(source.args) != 1:
                return
            target = target.elts[0]
        elif name not in ("range", "xrange"):
            return
        if isinstance(target, ast.Name):
            self.scope.values.setdefault(target.id, []).append(name)

    def _try(self) -> ast.stmt:
        first = self.take()
        fields: dict[str, Any] = {"body": self._block(), "handlers": []}
        fields["orelse"] = []
        fields["finalbody"] = []
        handlers: list[ast.ExceptHandler] = fields["handlers"]
        while self.kind == "except":
            if handlers and handlers[-1].type is None:
                self.fail("default 'except:' must be last", self.token)
            handlers.append(self._handler())
        if handlers:
            fields["orelse"] = self._else()
        if self.kind == "finally":
            self.take()
            fields["finalbody"] = self._block()
        elif not handlers:
            self.fail_here()
        return make(ast.Try, first, self._end(), fields)

    def _handler(self) -> ast.ExceptHandler:
        first = self.take()
        fields: dict[str, Any] = {"type": None, "name": None, "target": None}
        if self.kind != ":":
            fields["type"] = self.test()
            if self.kind in (",", "as"):
                self.take()
                target = fields["target"] = self.test()
                self.store(target, self.scope.bound)
                if isinstance(target, ast.Name):
                    self.scope.except_names.add(target.id)
        fields["body"] = self._block()
        return make(ast.ExceptHandler, first, self._end(), fields)

    def _with(self) -> ast.stmt:
        """Read `with`; several items nest and start at themselves, as in 2.7's tree."""
        self.enter()
        # The word `with`, or the comma before a further item.
        self.take()
        first = self.token
        context = self.test()
        target = None
        if self.kind == "as":
            self.take()
            target = self.expression()
            self.store(target, self.scope.bound)
        item = ast.withitem(context_expr=context, optional_vars=target)
        body = [self._with()] if self.kind == "," else self._block()
        self.nesting -= 1
        fields = {"items": [item], "body": body, "type_comment": None}
        return make(ast.With, first, self._end(), fields)

    # Functions and classes.

    def _function(self) -> ast.stmt:
        first = self.take()
        name = self.expect("name")
        self.bind(name[1], self.scope.bound, name)
        outer, self.scope = self.scope, Scope("function")
        self.expect("(")
        parameters = self.parameters(")")
        self.expect(")")
        fields = {
            "name": name[1],
            "args": parameters,
            "body": self._block(),
            "decorator_list": [],
            "returns": None,
            "type_comment": None,
            "type_params": [],
            "scope": self.scope,
        }
        self._check_generator()
        self.scope = outer
        return make(ast.FunctionDef, first, self._end(), fields)

    def _check_generator(self) -> None:
        scope = self.scope
        if scope.is_generator and scope.returned_value:
            place = ("return", "", scope.returned_value, 0, 0, 0)
            self.fail("'return' with argument inside generator", place)

    def _class(self) -> ast.stmt:
        first = self.take()
        name = self.expect("name")
        self.bind(name[1], self.scope.bound, name)
        bases: list[ast.expr] = []
        if self.kind == "(":
            self.take()
            while self.kind != ")":
                bases.append(self.test())
                if self.kind != ",":
                    break
                self.take()
            self.expect(")")
        outer, self.scope = self.scope, Scope("class")
        fields = {
            "name": name[1],
            "bases": bases,
            "keywords": [],
            "body": self._block(),
            "decorator_list": [],
            "type_params": [],
            "scope": self.scope,
        }
        self.scope = outer
        return make(ast.ClassDef, first, self._end(), fields)

    def _decorated(self) -> ast.stmt:
        first = self.token
        decorators: list[ast.expr] = []
        while self.kind == "@":
            decorators.append(self._decorator())
            self.expect("newline")
        if self.kind == "def":
            node = self._function()
        elif self.kind == "class":
            node = self._class()
        else:
            self.fail_here()
        node.decorator_list = decorators  # type: ignore[attr-defined]
        # As 2.7 does: the statement starts at its first decorator.
        node.lineno, node.col_offset = first[2], first[3]
        return node

    def _decorator(self) -> ast.expr:
        self.take()
        name = self.expect("name")
        result: ast.expr = make(ast.Name, name, name, {"id": name[1], "ctx": LOAD})
        while self.kind == ".":
            self.take()
            attribute = self.expect("name")
            fields = {"value": result, "attr": attribute[1], "ctx": LOAD}
            result = make_from(ast.Attribute, result, attribute, fields)
        if self.kind == "(":
            result = self.call(result)
        return result


_COMPOUND: Final[dict[str, Callable[[Parser], ast.stmt]]] = {
    "if": Parser._if,
    "while": Parser._while,
    "for": Parser._for,
    "try": Parser._try,
    "with": Parser._with,
    "def": Parser._function,
    "class": Parser._class,
    "@": Parser._decorated,
}
