"""Comprehensions: names that stay, names of a class body, StopIteration."""

from __future__ import annotations

import ast
from typing import Any, Final

from channelshim.python27.lowering_base import (
    call_at,
    name_at,
    store_at,
)
from channelshim.python27.lowering_calls import CallLowerer
from channelshim.python27.lowering_survival import target_names
from channelshim.python27.nodes import LOAD, make_at

_IS: Final[ast.cmpop] = ast.Is()
_KEPT: Final = "_p27_of_"
"""Prefix of the comprehension's own variable where the name itself must stay."""

MOST_NESTED: Final = 20
"""Comprehensions inside each other: 2.7 counted those of lists among its 20 blocks, and
CPython 3.12.1 crashes when it compiles some more."""


class ComprehensionLowerer(CallLowerer):
    """All four kinds."""

    def list_comprehension(self, node: Any) -> Any:
        """Return a list comprehension, whose names 2.7 binds in the scope around."""
        if self.scope.kind == "class" and not self.in_comprehension:
            return self._in_class_body(node)
        leaking: set[str] = set()
        if self.surviving and not self.no_walrus and not self.in_generator_expression:
            bound = [n for part in node.generators for n in target_names(part.target)]
            leaking = self.surviving.intersection(bound)
        self._parts(node, leaking)
        return node

    def _in_class_body(self, node: Any) -> Any:
        """Hand the class's names in: Python 3's comprehension does not see them.

        `[x + B for x in A]` becomes `(lambda A, B: [x + B for x in A])(A, B)`.
        """
        own = [n for part in node.generators for n in target_names(part.target)]
        used = _names_read(node).intersection(self.scope.bound).difference(own)
        self._parts(node, set())
        if not used:
            return node
        names = sorted(used)
        parameters = [
            make_at(
                ast.arg,
                node,
                {"arg": name, "annotation": None, "type_comment": None},
            )
            for name in names
        ]
        arguments = ast.arguments(
            posonlyargs=[],
            args=parameters,
            vararg=None,
            kwonlyargs=[],
            kw_defaults=[],
            kwarg=None,
            defaults=[],
        )
        function = make_at(ast.Lambda, node, {"args": arguments, "body": node})
        values = [name_at(node, name) for name in names]
        fields = {"func": function, "args": values, "keywords": []}
        return make_at(ast.Call, node, fields)

    def _source(self, node: Any) -> Any:
        """Lower what a comprehension goes over."""
        self.no_walrus += 1
        self.in_source += 1
        lowered = self.header(node)
        self.in_source -= 1
        self.no_walrus -= 1
        return lowered

    def _parts(self, node: Any, leaking: set[str]) -> None:
        """Lower all parts; the first source belongs to the scope around."""
        first = node.generators[0]
        first.iter = self._source(first.iter)
        self.in_comprehension += 1
        if self.in_comprehension > MOST_NESTED:
            self.refuse(node, "comprehensions inside each other, more than 20 deep")
        for part in node.generators:
            if part is not first:
                part.iter = self._source(part.iter)
            part.target = self.target(part.target)
            self.expressions(part.ifs)
            if leaking:
                self._let_leak(part, leaking)
        if node.__class__ is ast.DictComp:
            node.key = self.expr(node.key)
            node.value = self.expr(node.value)
        else:
            node.elt = self.expr(node.elt)
        self.in_comprehension -= 1

    def _let_leak(self, part: Any, leaking: set[str]) -> None:
        """Bind the names around, by conditions that are always true.

        `for x in y` becomes `for _p27_of_x in y if (x := _p27_of_x) is x`.
        """
        conditions: list[Any] = []
        for name in target_names(part.target):
            if name in leaking:
                place = part.target
                own = name_at(place, _KEPT + name)
                fields: dict[str, Any] = {"target": store_at(place, name), "value": own}
                walrus = make_at(ast.NamedExpr, place, fields)
                fields = {"left": walrus, "ops": [_IS], "comparators": [own]}
                conditions.append(make_at(ast.Compare, place, fields))
        if conditions:
            _rename(part.target, leaking)
            part.ifs = [*conditions, *part.ifs]

    def own_comprehension(self, node: Any) -> Any:
        """Return a comprehension that has a scope of its own in 2.7 too."""
        can_stop = node.__class__ is ast.GeneratorExp and _asks_for_next(node)
        self.in_generator_expression += 1
        self._parts(node, set())
        self.in_generator_expression -= 1
        # StopIteration from inside ends a generator of 2.7.
        return call_at(node, "_p27_genexp", [node]) if can_stop else node


def _rename(target: Any, leaking: set[str]) -> None:
    if target.__class__ is ast.Name:
        if target.id in leaking:
            target.id = _KEPT + target.id
    elif target.__class__ is ast.Tuple or target.__class__ is ast.List:
        for element in target.elts:
            _rename(element, leaking)


def _names_read(node: ast.AST) -> set[str]:
    """Return the names that a parsed node reads, of functions inside too."""
    return {
        inner.id
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and inner.ctx is LOAD
    }


def _asks_for_next(node: ast.AST) -> bool:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and inner.attr == "next":
            return True
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name):
            if inner.func.id == "next":
                return True
    return False
