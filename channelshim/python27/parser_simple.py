"""Statements of one line, from expressions to `exec`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Final

from channelshim.python27.nodes import (
    Exec,
    Print,
    Raise3,
    is_current_error,
    is_exc_info,
    make,
)
from channelshim.python27.parser_brackets import BracketParser
from channelshim.python27.parser_expressions import OPERATORS
from channelshim.python27.tokens import Token

FEATURES: Final = frozenset(
    {
        "absolute_import",
        "division",
        "generators",
        "nested_scopes",
        "print_function",
        "unicode_literals",
        "with_statement",
    }
)
"""What `from __future__ import` offers in 2.7."""

_AUGMENTED: Final = {f"{text}=": operator for text, operator in OPERATORS.items()}


class SimpleParser(BracketParser):
    """Small statements; the blocks around them are read by Parser."""

    def simple_line(self, body: list[ast.stmt]) -> None:
        """Read small statements up to the line's end."""
        simple = _SIMPLE
        while True:
            read = simple.get(self.kind)
            body.append(self._expression_statement() if read is None else read(self))
            if self.kind == "newline":
                self.take()
                return
            self.expect(";")
            if self.kind == "newline":
                self.take()
                return

    def _expression_statement(self) -> ast.stmt:
        first = self.token
        value = self.test_list()
        kind = self.kind
        if kind == "=":
            return self._assignment(first, value)
        if kind in _AUGMENTED:
            return self._augmented(first, value)
        return make(ast.Expr, first, self.last(), {"value": value})

    def _assignment(self, first: Token, value: ast.expr) -> ast.stmt:
        targets: list[ast.expr] = []
        while self.kind == "=":
            self.take()
            self.store(value, self.scope.bound)
            targets.append(value)
            value = self._value()
        for target in targets:
            self._note_value(target, value)
            self._note_error(target, value)
        fields = {"targets": targets, "value": value, "type_comment": None}
        return make(ast.Assign, first, self.last(), fields)

    def _note_value(self, target: ast.expr, value: ast.expr) -> None:
        """Keep what names are bound to; lowering asks which can only be numbers."""
        if isinstance(target, ast.Name):
            self.scope.values.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            if len(target.elts) == len(value.elts):
                for part, part_value in zip(target.elts, value.elts, strict=True):
                    self._note_value(part, part_value)

    def _note_error(self, target: ast.expr, value: ast.expr) -> None:
        """Note the name of `name = sys.exc_info()[1]` and `kind, name, tb = ...`."""
        if isinstance(target, ast.Tuple) and is_exc_info(value):
            if len(target.elts) != 3:
                return
            target = target.elts[1]
        elif not is_current_error(value):
            return
        if isinstance(target, ast.Name):
            self.scope.error_names.add(target.id)

    def _value(self) -> ast.expr:
        if self.kind == "yield":
            return self.yield_expression()
        return self.test_list()

    def _augmented(self, first: Token, target: ast.expr) -> ast.stmt:
        operator = self.take()
        self.store(target, self.scope.bound)
        if not isinstance(target, (ast.Name, ast.Attribute, ast.Subscript)):
            message = "illegal expression for augmented assignment"
            self.fail(message, target)
        value = self._value()
        if isinstance(target, ast.Name):
            pair = (_AUGMENTED[operator[0]], value)
            self.scope.values.setdefault(target.id, []).append(pair)
        fields = {"target": target, "op": _AUGMENTED[operator[0]], "value": value}
        return make(ast.AugAssign, first, self.last(), fields)

    def _print(self) -> ast.stmt:
        first = self.take()
        target: ast.expr | None = None
        values: list[ast.expr] = []
        is_open = False
        if self.kind == ">>":
            self.take()
            target = self.test()
            if self.kind == ",":
                self.take()
                values.append(self.test())
        elif self.starts_test():
            values.append(self.test())
        while values and self.kind == ",":
            self.take()
            if not self.starts_test():
                is_open = True
                break
            values.append(self.test())
        fields = {"dest": target, "values": values, "nl": not is_open}
        return make(Print, first, self.last(), fields)

    def _delete(self) -> ast.stmt:
        first = self.take()
        targets = [self.expression()]
        while self.kind == ",":
            self.take()
            if not self.starts_test():
                break
            targets.append(self.expression())
        for target in targets:
            self.delete(target)
        return make(ast.Delete, first, self.last(), {"targets": targets})

    def _word(self) -> ast.stmt:
        first = self.take()
        return make(_WORDS[first[0]], first, first, {})

    def _return(self) -> ast.stmt:
        first = self.take()
        value = self.test_list() if self.starts_test() else None
        if self.scope.kind != "function":
            self.fail("'return' outside function", first)
        if value is not None and not self.scope.returned_value:
            self.scope.returned_value = first[2]
        return make(ast.Return, first, self.last(), {"value": value})

    def _yield(self) -> ast.stmt:
        first = self.token
        value = self.yield_expression()
        return make(ast.Expr, first, self.last(), {"value": value})

    def _raise(self) -> ast.stmt:
        first = self.take()
        if not self.starts_test():
            return make(ast.Raise, first, first, {"exc": None, "cause": None})
        kind = self.test()
        fields: dict[str, Any]
        if self.kind != ",":
            fields = {"exc": kind, "cause": None}
            return make(ast.Raise, first, self.last(), fields)
        self.take()
        fields = {"type": kind, "inst": self.test(), "tback": None}
        if self.kind == ",":
            self.take()
            fields["tback"] = self.test()
        return make(Raise3, first, self.last(), fields)

    def _global(self) -> ast.stmt:
        first = self.take()
        names: list[str] = []
        while True:
            name = self.expect("name")
            self.bound_anywhere.add(name[1])
            names.append(name[1])
            if self.kind != ",":
                break
            self.take()
        self.scope.globals.update(names)
        return make(ast.Global, first, self.last(), {"names": names})

    def _exec(self) -> ast.stmt:
        first = self.take()
        fields: dict[str, Any] = {"body": self.expression()}
        fields["globals"] = fields["locals"] = None
        if self.kind == "in":
            self.take()
            fields["globals"] = self.test()
            if self.kind == ",":
                self.take()
                fields["locals"] = self.test()
        elif isinstance(fields["body"], ast.Tuple):
            self._spread_exec(fields, fields["body"].elts)
        names = (fields["globals"], fields["locals"])
        if names[0] is None or any(is_locals(part) for part in names):
            self.scope.wild_line = self.scope.wild_line or first[2]
        return make(Exec, first, self.last(), fields)

    def _spread_exec(self, fields: dict[str, Any], parts: list[ast.expr]) -> None:
        """Take `exec(code, globals)` for the statement, as 2.7 does."""
        if len(parts) in (2, 3):
            fields["body"], fields["globals"] = parts[:2]
            fields["locals"] = parts[2] if len(parts) == 3 else None

    def _assert(self) -> ast.stmt:
        first = self.take()
        fields: dict[str, Any] = {"test": self.test(), "msg": None}
        if self.kind == ",":
            self.take()
            fields["msg"] = self.test()
        return make(ast.Assert, first, self.last(), fields)

    # Imports.

    def _import(self) -> ast.stmt:
        first = self.take()
        names: list[ast.alias] = []
        while True:
            start = self.token
            name = self._dotted_name()
            alias = self._alias()
            bound = alias or name.partition(".")[0]
            self.bind(bound, self.scope.bound, start)
            fields = {"name": name, "asname": alias}
            names.append(make(ast.alias, start, self.last(), fields))
            if self.kind != ",":
                break
            self.take()
        return make(ast.Import, first, self.last(), {"names": names})

    def _dotted_name(self) -> str:
        name = self.expect("name")[1]
        while self.kind == ".":
            self.take()
            name = f"{name}.{self.expect('name')[1]}"
        return name

    def _alias(self) -> str | None:
        if self.kind != "as":
            return None
        self.take()
        return self.expect("name")[1]

    def _import_from(self) -> ast.stmt:
        first = self.take()
        level = 0
        while self.kind == ".":
            self.take()
            level += 1
        module = self._dotted_name() if self.kind == "name" or not level else None
        self.expect("import")
        fields: dict[str, Any] = {"module": module, "level": level}
        if self.kind == "*":
            star = self.take()
            fields["names"] = [
                make(ast.alias, star, star, {"name": "*", "asname": None})
            ]
            if self.scope.kind == "function" and not self.scope.wild_line:
                self.scope.wild_line = first[2]
        elif self.kind == "(":
            self.take()
            fields["names"] = self._imported_names(allow_end=True)
            self.expect(")")
        else:
            fields["names"] = self._imported_names(allow_end=False)
        if module == "__future__" and not level:
            self._check_features(first, fields["names"])
        return make(ast.ImportFrom, first, self.last(), fields)

    def _imported_names(self, *, allow_end: bool) -> list[ast.alias]:
        names: list[ast.alias] = []
        while True:
            start = self.expect("name")
            alias = self._alias()
            self.bind(alias or start[1], self.scope.bound, start)
            fields = {"name": start[1], "asname": alias}
            names.append(make(ast.alias, start, self.last(), fields))
            if self.kind != ",":
                return names
            comma = self.take()
            if self.kind == ")" and allow_end:
                return names
            if self.kind == "newline":
                message = "trailing comma not allowed without surrounding parentheses"
                self.fail(message, comma)

    def _check_features(self, first: Token, names: list[ast.alias]) -> None:
        for alias in names:
            if alias.name not in FEATURES:
                message = f"future feature {alias.name} is not defined"
                if alias.name == "braces":
                    message = "not a chance"
                self.fail(message, first)


def is_locals(node: ast.expr | None) -> bool:
    """Tell whether an expression is `locals()`."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "locals"
        and not node.args
    )


_WORDS: Final[dict[str, type[ast.stmt]]] = {
    "pass": ast.Pass,
    "break": ast.Break,
    "continue": ast.Continue,
}

_SIMPLE: Final[dict[str, Callable[[SimpleParser], ast.stmt]]] = {
    "print": SimpleParser._print,
    "del": SimpleParser._delete,
    "pass": SimpleParser._word,
    "break": SimpleParser._word,
    "continue": SimpleParser._word,
    "return": SimpleParser._return,
    "yield": SimpleParser._yield,
    "raise": SimpleParser._raise,
    "global": SimpleParser._global,
    "exec": SimpleParser._exec,
    "assert": SimpleParser._assert,
    "import": SimpleParser._import,
    "from": SimpleParser._import_from,
}
