"""What every part of lowering stands on: scopes, remarks, calls of helpers.

Lowering rewrites 2.7's tree in place to one that Python 3 compiles and that means the
same. Where Python 3 lacks a meaning it calls a helper, by a name `_p27_...` that the
loader puts into the builtins of the module. Nodes that it adds stand where the node
stood that they replace, so every line number is 2.7's.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any, Final

from channelshim.python27.lowering_numbers import Numbers, numbers_of
from channelshim.python27.nodes import LOAD, STORE, Scope, make_at

CATCHES: Final = "_p27_error"
"""Name of a caught exception until the handler has stored it where 2.7 does."""

WILD_NAMES: Final = "_p27_scope"
"""Local dictionary with the names that a bare `exec` made in a function."""


@dataclass(frozen=True)
class Remark:
    """Something about a file that its author may want to know.

    Attributes:
        line: where it stands.
        sentence: what it is, and what to write instead.
    """

    line: int
    sentence: str


class LowererBase:
    """State of one tree that is being lowered.

    Args:
        scope: of the module.
        bound_anywhere: all names that the file binds, in any scope: a builtin among
            them is no builtin here.
        features: future imports in force.
        shows_locals: functions may call `locals()`, so that names of ours would be
            seen, and every name that 2.7 leaves behind may be looked for.
    """

    def __init__(
        self,
        scope: Scope,
        bound_anywhere: set[str],
        features: frozenset[str],
        *,
        shows_locals: bool,
    ) -> None:
        self.scope: Scope = scope
        self.shows_locals = shows_locals
        self.bound_anywhere = bound_anywhere
        self.true_division: bool = "division" in features
        self.refusals: list[Remark] = []
        self.notes: list[Remark] = []
        # Names that outlive the list comprehension or handler that binds them.
        self.surviving: set[str] = set()
        # Above 0 where Python 3 allows no `:=`: class bodies, what is iterated over.
        self.no_walrus: int = 0
        # Above 0 in what a comprehension goes over, and in lambdas there.
        self.in_source: int = 0
        self.in_generator_expression: int = 0
        self.in_comprehension: int = 0
        # Loops, `with`s, `try`s and handlers around, which Python counts.
        self.blocks: int = 0
        self.class_name: str = ""
        self.numbers: Numbers = self.numbers_in(scope)
        self._temporaries = 0

    def expr(self, node: Any) -> Any:
        """Return an expression lowered."""
        raise NotImplementedError

    def body(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """Return statements lowered."""
        raise NotImplementedError

    def target(self, node: Any) -> Any:
        """Return a target of assignment or del lowered."""
        raise NotImplementedError

    def text_method(self, node: Any) -> Any:
        """Return the call of a method that text has, which may be given bytes."""
        raise NotImplementedError

    def is_builtin(self, name: str) -> bool:
        """Tell whether a name can only be the builtin."""
        return name not in self.bound_anywhere

    def numbers_in(self, scope: Scope) -> Numbers:
        """Return what is known of the names of a scope that is not lowered yet."""
        return numbers_of(scope, self.is_builtin, true_division=self.true_division)

    def refuse(self, place: ast.AST, sentence: str) -> None:
        """Remember what cannot be translated."""
        self.refusals.append(Remark(place.__dict__["lineno"], sentence))

    def note(self, place: ast.AST, sentence: str) -> None:
        """Remember what differs or will fail."""
        self.notes.append(Remark(place.__dict__["lineno"], sentence))

    def temporary(self) -> str:
        """Return a name that nothing else has."""
        self._temporaries += 1
        return f"_p27_{self._temporaries}"

    def expressions(self, nodes: list[Any]) -> None:
        """Lower a list of expressions in place."""
        for number, node in enumerate(nodes):
            nodes[number] = self.expr(node)


def name_at(place: ast.AST, name: str) -> ast.Name:
    """Return a name that is read."""
    return make_at(ast.Name, place, {"id": name, "ctx": LOAD})


def store_at(place: ast.AST, name: str) -> ast.Name:
    """Return a name that is assigned to."""
    return make_at(ast.Name, place, {"id": name, "ctx": STORE})


def constant_at(place: ast.AST, value: object) -> ast.Constant:
    """Return a constant."""
    return make_at(ast.Constant, place, {"value": value, "kind": None})


def call_at(
    place: ast.AST,
    name: str,
    arguments: list[Any],
    keywords: list[ast.keyword] | None = None,
) -> ast.Call:
    """Return a call of a helper."""
    fields = {
        "func": name_at(place, name),
        "args": arguments,
        "keywords": keywords or [],
    }
    return make_at(ast.Call, place, fields)


def statement_at(place: ast.AST, value: Any) -> ast.Expr:
    """Return an expression as a statement."""
    return make_at(ast.Expr, place, {"value": value})


def assign_at(place: ast.AST, target: Any, value: Any) -> ast.Assign:
    """Return an assignment to one target."""
    fields = {"targets": [target], "value": value, "type_comment": None}
    return make_at(ast.Assign, place, fields)


_IS: Final[ast.cmpop] = ast.Is()


def choice_at(place: ast.AST, condition: Any, yes: Any, no: Any) -> ast.IfExp:
    """Return `yes if condition else no`."""
    return make_at(ast.IfExp, place, {"test": condition, "body": yes, "orelse": no})


def class_is_at(place: ast.AST, node: Any, name: str) -> ast.Compare:
    """Return the test `node.__class__ is name`."""
    fields = {"value": node, "attr": "__class__", "ctx": LOAD}
    left = make_at(ast.Attribute, place, fields)
    comparators = [name_at(place, name)]
    fields = {"left": left, "ops": [_IS], "comparators": comparators}
    return make_at(ast.Compare, place, fields)


_AND: Final[ast.boolop] = ast.And()


def both_at(place: ast.AST, conditions: list[Any]) -> Any:
    """Return conditions joined by `and`."""
    if len(conditions) == 1:
        return conditions[0]
    return make_at(ast.BoolOp, place, {"op": _AND, "values": conditions})


_OR: Final[ast.boolop] = ast.Or()


def either_at(place: ast.AST, conditions: list[Any]) -> Any:
    """Return conditions joined by `or`."""
    if len(conditions) == 1:
        return conditions[0]
    return make_at(ast.BoolOp, place, {"op": _OR, "values": conditions})
