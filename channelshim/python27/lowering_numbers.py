"""Which expressions, and which local names of a function, can only be numbers.

Where that is known, 2.7's division and order need neither helper nor test. A local name
is a number if every binding of it gives one: an assignment of a literal or of
arithmetic on numbers, `+=` with one, a loop over range(). The parser counts all
bindings of a name and keeps the values of those that have one; a name bound in any
other way (parameter, import, handler, comprehension) is out. Names start out as int and
lose it until nothing changes, so `i = j; j = i + 1` is decided too.

Only locals of functions: 2.7 has no way to rebind them from elsewhere, and a function
with a bare exec is left out.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Final

from channelshim.python27.nodes import Scope

INT_CALLS: Final = frozenset(("len", "ord", "int"))
_ARITHMETIC: Final = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv)
_DEPTH: Final = 6
"""Nesting that is looked at; more would make long chains quadratic."""

_ROUNDS: Final = 20


class Numbers:
    """What is known in one scope.

    Args:
        names: kinds of local names, "int", "float" or "number".
        is_builtin: tells whether a name can only be the builtin.
        true_division: `/` of two ints gives a float.
    """

    def __init__(
        self,
        names: dict[str, str],
        is_builtin: Callable[[str], bool],
        *,
        true_division: bool,
    ) -> None:
        self.names = names
        self._is_builtin = is_builtin
        self._true_division = true_division

    def kind(self, node: Any, depth: int = _DEPTH) -> str:
        """Return "int", "float" or "number" for what can be nothing else, else ""."""
        kind = node.__class__
        if kind is ast.Constant:
            value = node.value.__class__
            return "int" if value is int else "float" if value is float else ""
        if kind is ast.Name:
            return self.names.get(node.id, "")
        if kind is ast.Call and node.func.__class__ is ast.Name:
            name = node.func.id
            if name in INT_CALLS and self._is_builtin(name):
                return "int"
            return "float" if name == "float" and self._is_builtin(name) else ""
        if kind is ast.BinOp and depth:
            left = self.kind(node.left, depth - 1)
            right = self.kind(node.right, depth - 1)
            return self.result(node.op, left, right)
        return ""

    def result(self, operator: ast.operator, left: str, right: str) -> str:
        """Return the kind of an operation on two kinds."""
        if isinstance(operator, _ARITHMETIC):
            if left == "float" or right == "float":
                # What takes a float and is no number is a class of the app, whose
                # result is left to its own methods either way.
                return "float"
        elif not isinstance(operator, (ast.Mod, ast.Div)):
            return ""
        if not left or not right:
            return ""
        if left == right == "int":
            is_true = isinstance(operator, ast.Div) and self._true_division
            return "float" if is_true else "int"
        return "float" if "float" in (left, right) else "number"

    def _binding(self, name: str, value: Any) -> str:
        """Return the kind that one binding gives a name."""
        if isinstance(value, str):
            return "int" if self._is_builtin(value) else ""
        if isinstance(value, tuple):
            operator, operand = value
            return self.result(operator, self.names.get(name, ""), self.kind(operand))
        return self.kind(value)


def numbers_of(
    scope: Scope, is_builtin: Callable[[str], bool], *, true_division: bool
) -> Numbers:
    """Return what is known in a scope, before its body is lowered."""
    names: dict[str, str] = {}
    numbers = Numbers(names, is_builtin, true_division=true_division)
    if scope.kind != "function" or scope.wild_line or not scope.values:
        return numbers
    hidden = scope.globals | scope.leaked.keys() | scope.shadowed.keys()
    for name, values in scope.values.items():
        if len(values) == scope.bound[name] and name not in hidden:
            names[name] = "int"
    for _ in range(_ROUNDS):
        if not _narrow(numbers, scope):
            return numbers
    names.clear()
    return numbers


def _narrow(numbers: Numbers, scope: Scope) -> bool:
    """Take from names what one of their bindings denies; tell whether any lost it."""
    names = numbers.names
    before = dict(names)
    for name in before:
        kinds = {numbers._binding(name, value) for value in scope.values[name]}
        if "" in kinds:
            del names[name]
        else:
            names[name] = kinds.pop() if len(kinds) == 1 else "number"
    return names != before
