"""Expressions: the walk over them, and the kinds that need little."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Final

from channelshim.python27.lowering_base import (
    WILD_NAMES,
    call_at,
    choice_at,
    constant_at,
    name_at,
)
from channelshim.python27.lowering_comprehensions import ComprehensionLowerer
from channelshim.python27.lowering_operators import OperatorLowerer
from channelshim.python27.nodes import LOAD, Repr, Scope, make_at

_CONSTANTS: Final = {"None": None, "True": True, "False": False}

_LEFT: Final[dict[type[ast.AST], str]] = {
    ast.BinOp: "left",
    ast.Attribute: "value",
    ast.Call: "func",
    ast.Subscript: "value",
}
"""Kinds that nest on their left side, as deep as a line is long."""

_IN: Final[ast.cmpop] = ast.In()


class ExpressionLowerer(ComprehensionLowerer, OperatorLowerer):
    """Every kind of expression."""

    def expr(self, node: Any) -> Any:
        """Return an expression lowered.

        The left sides of `a.b(c)[d] + e` are walked in a loop, for `a + b + ...` with
        hundreds of operands is real.
        """
        field = _LEFT.get(node.__class__)
        if field is None:
            return _KINDS[node.__class__](self, node)
        spine = [node]
        node = node.__dict__[field]
        while True:
            field = _LEFT.get(node.__class__)
            if field is None:
                break
            spine.append(node)
            node = node.__dict__[field]
        result = _KINDS[node.__class__](self, node)
        while spine:
            parent = spine.pop()
            kind = parent.__class__
            parent.__dict__[_LEFT[kind]] = result
            if kind is ast.Attribute:
                is_called = spine and spine[-1].__class__ is ast.Call
                result = parent if is_called else self.attribute(parent)
            elif kind is ast.Call:
                result = self.call(parent)
            elif kind is ast.BinOp:
                result = self._operation(parent)
            else:
                result = self._subscript(parent)
        return result

    def _operation(self, node: Any) -> Any:
        node.right = self.expr(node.right)
        operator = node.op.__class__
        if operator is ast.Div:
            return self.division(node)
        if operator is ast.Mod:
            return self.remainder(node)
        return node

    def _subscript(self, node: Any) -> Any:
        node.slice = self.expr(node.slice)
        if node.value.__class__ is ast.Constant:
            return self.item_of_bytes(node) or node
        node.value = self.spread_error(node.value)
        return node

    def _name(self, node: Any) -> Any:
        name = node.id
        if name in _CONSTANTS:
            if self.is_builtin(name):
                return constant_at(node, _CONSTANTS[name])
            node.id = f"_p27_{name}"
            return node
        scope = self.scope
        if scope.wild_line and scope.kind == "function":
            return self._wild_name(node, scope)
        return node

    def _wild_name(self, node: Any, scope: Scope) -> Any:
        """Look a name up among those that a bare exec made in this function."""
        name = node.id
        if name in scope.bound or name in scope.leaked or name in scope.globals:
            return node
        key = constant_at(node, name)
        fields: dict[str, Any] = {
            "left": key,
            "ops": [_IN],
            "comparators": [name_at(node, WILD_NAMES)],
        }
        test = make_at(ast.Compare, node, fields)
        fields = {"value": name_at(node, WILD_NAMES), "slice": key, "ctx": LOAD}
        return choice_at(node, test, make_at(ast.Subscript, node, fields), node)

    def _constant(self, node: Any) -> Any:
        return node

    def _elements(self, node: Any) -> Any:
        self.expressions(node.elts)
        return node

    def _dictionary(self, node: Any) -> Any:
        self.expressions(node.keys)
        self.expressions(node.values)
        return node

    def _boolean(self, node: Any) -> Any:
        self.expressions(node.values)
        return node

    def _unary(self, node: Any) -> Any:
        node.operand = self.expr(node.operand)
        return node

    def _condition(self, node: Any) -> Any:
        node.test = self.expr(node.test)
        node.body = self.expr(node.body)
        node.orelse = self.expr(node.orelse)
        return node

    def _compare(self, node: Any) -> Any:
        self.class_comparison(node)
        node.left = self.expr(node.left)
        self.expressions(node.comparators)
        return self.comparison(node)

    def _slice(self, node: Any) -> Any:
        if node.lower is not None:
            node.lower = self.expr(node.lower)
        if node.upper is not None:
            node.upper = self.expr(node.upper)
        if node.step is not None:
            node.step = self.expr(node.step)
        return node

    def _repr(self, node: Any) -> Any:
        return call_at(node, "_p27_repr", [self.expr(node.value)])

    def _yield(self, node: Any) -> Any:
        if self.in_comprehension:
            self.refuse(
                node,
                "yield inside a comprehension is gone from Python 3: "
                "write a for loop that yields",
            )
        if node.value is not None:
            node.value = self.expr(node.value)
        return node

    def _lambda(self, node: Any) -> Any:
        return self.lambda_function(node)

    def lambda_function(self, node: Any) -> Any:
        """Return a lambda lowered."""
        raise NotImplementedError

    # Targets.

    def target(self, node: Any) -> Any:
        """Return a target of assignment or del lowered."""
        kind = node.__class__
        if kind is ast.Name:
            if node.id in _CONSTANTS:
                node.id = f"_p27_{node.id}"
            return node
        if kind is ast.Attribute:
            node.value = self.expr(node.value)
            return self.stored_attribute(node)
        if kind is ast.Subscript:
            node.value = self.expr(node.value)
            node.slice = self.expr(node.slice)
            return node
        node.elts = [self.target(element) for element in node.elts]
        return node


_KINDS: Final[dict[type[ast.AST], Callable[[ExpressionLowerer, Any], Any]]] = {
    ast.Name: ExpressionLowerer._name,
    ast.Constant: ExpressionLowerer._constant,
    ast.Tuple: ExpressionLowerer._elements,
    ast.List: ExpressionLowerer._elements,
    ast.Set: ExpressionLowerer._elements,
    ast.Dict: ExpressionLowerer._dictionary,
    ast.BoolOp: ExpressionLowerer._boolean,
    ast.UnaryOp: ExpressionLowerer._unary,
    ast.IfExp: ExpressionLowerer._condition,
    ast.Compare: ExpressionLowerer._compare,
    ast.Slice: ExpressionLowerer._slice,
    ast.Yield: ExpressionLowerer._yield,
    ast.Lambda: ExpressionLowerer._lambda,
    ast.ListComp: ExpressionLowerer.list_comprehension,
    ast.SetComp: ExpressionLowerer.own_comprehension,
    ast.DictComp: ExpressionLowerer.own_comprehension,
    ast.GeneratorExp: ExpressionLowerer.own_comprehension,
    Repr: ExpressionLowerer._repr,
}
