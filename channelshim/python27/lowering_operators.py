"""Division, order and `%`: the operators that mean something else in Python 3.

A helper costs 18 to 35 ns more than the operator, so where both operands may be
evaluated twice (names, numbers) the class is tested first and an int goes the native
way. Why that is right: `x.__class__ is int` leaves out bool and every subclass, and for
two ints 2.7's `/` is `//` and its `<` is `<`. Where an operand is known to be a number
without looking (a literal, `len()`), the test of it is left out.
"""

from __future__ import annotations

import ast
from typing import Any, Final

from channelshim.python27.lowering_base import (
    LowererBase,
    assign_at,
    both_at,
    call_at,
    choice_at,
    class_is_at,
    constant_at,
    either_at,
    name_at,
    store_at,
)
from channelshim.python27.lowering_formats import formatted
from channelshim.python27.nodes import make_at

_FLOOR_DIVISION: Final = ast.FloorDiv()

_ORDER: Final[dict[type[ast.cmpop], str]] = {
    ast.Lt: "_p27_lt",
    ast.LtE: "_p27_le",
    ast.Gt: "_p27_gt",
    ast.GtE: "_p27_ge",
}


def _is_path(node: Any) -> bool:
    """Tell whether a node is a name with attributes, short enough to stand twice."""
    while node.__class__ is ast.Attribute:
        node = node.value
    return node.__class__ is ast.Name


_MEMBERSHIP: Final = (ast.In, ast.NotIn)
_NOT: Final[ast.unaryop] = ast.Not()
_NO_TEXT: Final = frozenset(
    (ast.Tuple, ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
)


def is_repeatable(node: Any) -> bool:
    """Tell whether evaluating a lowered node twice is as good as once."""
    return node.__class__ is ast.Name or node.__class__ is ast.Constant


class OperatorLowerer(LowererBase):
    """Binary operators and comparisons whose operands are lowered."""

    def number(self, node: Any) -> str:
        """Return "int", "float" or "number" for what can be nothing else, else ""."""
        return self.numbers.kind(node)

    # Division.

    def division(self, node: Any) -> Any:
        """Return `a / b` as 2.7 means it."""
        if self.true_division:
            return node
        left, right = node.left, node.right
        left_number, right_number = self.number(left), self.number(right)
        if left_number == "float" or right_number == "float":
            return node
        if left_number == right_number == "int":
            node.op = _FLOOR_DIVISION
            return node
        helper = call_at(node, "_p27_div", [left, right])
        return self._for_ints(node, left, right, _FLOOR_DIVISION, helper)

    def _for_ints(
        self, place: Any, left: Any, right: Any, operator: ast.operator, helper: Any
    ) -> Any:
        """Return `left operator right` if both are int, else the helper."""
        if not (is_repeatable(left) and is_repeatable(right)):
            return helper
        tests = self._int_tests(place, left, right)
        if tests is None:
            return helper
        fields = {"left": left, "op": operator, "right": right}
        native = make_at(ast.BinOp, place, fields)
        return choice_at(place, tests, native, helper)

    def _int_tests(self, place: Any, left: Any, right: Any) -> Any:
        """Return the test that both are int; None when a constant says they are not."""
        tests = []
        for operand in (left, right):
            if self.number(operand) == "int":
                continue
            if operand.__class__ is ast.Name:
                tests.append(class_is_at(place, operand, "_p27_int"))
            elif operand.value.__class__ is not int:
                return None
        return both_at(place, tests) if tests else None

    def augmented_division(self, node: Any) -> Any:
        """Return `target /= value`, whose parts are lowered, as 2.7 means it."""
        target, value = node.target, node.value
        if self.true_division or self.number(value) == "float":
            return node
        kind = target.__class__
        if kind is ast.Name:
            current = name_at(target, target.id)
            if self.number(current) == self.number(value) == "int":
                node.op = _FLOOR_DIVISION
                return node
            helper = call_at(node, "_p27_idiv", [current, value])
            result = self._for_ints(node, current, value, _FLOOR_DIVISION, helper)
            return assign_at(node, target, result)
        if kind is ast.Attribute:
            name = constant_at(target, self.mangled(target.attr))
            arguments = [target.value, name, value]
            call = call_at(node, "_p27_idiv_attr", arguments)
        else:
            key = self.key(target.slice)
            call = call_at(node, "_p27_idiv_item", [target.value, key, value])
        return make_at(ast.Expr, node, {"value": call})

    def mangled(self, name: str) -> str:
        """Return an attribute's name as the class around makes it."""
        raise NotImplementedError

    def key(self, index: Any) -> Any:
        """Return a subscript as a value of its own."""
        if index.__class__ is ast.Slice:
            parts = [
                constant_at(index, None) if part is None else part
                for part in (index.lower, index.upper, index.step)
            ]
            return call_at(index, "_p27_slice", parts)
        if index.__class__ is ast.Tuple:
            index.elts = [self.key(part) for part in index.elts]
        return index

    def spread_error(self, node: Any) -> Any:
        """Return a lowered value; a caught exception stands for its arguments."""
        raise NotImplementedError

    # Order.

    def comparison(self, node: Any) -> Any:
        """Return a comparison, in a chain or not, as 2.7 means it."""
        operators = node.ops
        if len(operators) == 1 and operators[0].__class__ in _MEMBERSHIP:
            return self._membership(node, node.left, node.comparators[0])
        if not any(operator.__class__ in _ORDER for operator in operators):
            return node
        if len(operators) == 1:
            return self._order(node, node.left, operators[0], node.comparators[0])
        operands = [node.left, *node.comparators]
        if all(self.number(operand) for operand in operands):
            return node
        if not self._name_middle_terms(operands):
            return node
        pairs = []
        for number, operator in enumerate(operators):
            left, right = operands[number], operands[number + 1]
            if left.__class__ is ast.NamedExpr:
                left = name_at(left, left.target.id)
            pairs.append(self._order(node, left, operator, right))
        return both_at(node, pairs)

    def _name_middle_terms(self, operands: list[Any]) -> bool:
        """Give the middle terms of a chain a name; tell whether that was possible."""
        middle = range(1, len(operands) - 1)
        complex_terms = [i for i in middle if not is_repeatable(operands[i])]
        if complex_terms and (self.no_walrus or self.shows_locals):
            return False
        for number in complex_terms:
            term = operands[number]
            target = store_at(term, self.temporary())
            fields = {"target": target, "value": term}
            operands[number] = make_at(ast.NamedExpr, term, fields)
        return True

    def _order(self, place: Any, left: Any, operator: ast.cmpop, right: Any) -> Any:
        fields = {"left": left, "ops": [operator], "comparators": [right]}
        native = make_at(ast.Compare, place, fields)
        helper_name = _ORDER.get(operator.__class__)
        if helper_name is None:
            return native
        left_number, right_number = self.number(left), self.number(right)
        if left_number and right_number:
            return native
        helper = call_at(place, helper_name, [left, right])
        tests = []
        for operand, number in ((left, left_number), (right, right_number)):
            if number and is_repeatable(operand):
                continue
            if operand.__class__ is not ast.Name:
                return helper
            tests.append(class_is_at(place, operand, "_p27_int"))
        return choice_at(place, both_at(place, tests), native, helper)

    def _membership(self, node: Any, item: Any, container: Any) -> Any:
        """Return `item in container`: bytes may be looked for in text.

        Only there does Python 3 refuse them, so what is no text or no bytes by its
        form stays native, and so does a name of the commonest classes. Classes of
        bytes are many: 2.7's str, the SDK's Blob, subclasses of an app's own.
        """
        container = node.comparators[0] = self.spread_error(container)
        if container.__class__ in _NO_TEXT or self._is_no_bytes(item):
            return node
        helper: Any = call_at(node, "_p27_in", [item, container])
        if node.ops[0].__class__ is ast.NotIn:
            helper = make_at(ast.UnaryOp, node, {"op": _NOT, "operand": helper})
        if item.__class__ is not ast.Name:
            return helper
        tests = [class_is_at(node, item, name) for name in ("_p27_text", "_p27_int")]
        return choice_at(node, either_at(node, tests), node, helper)

    def _is_no_bytes(self, node: Any) -> bool:
        """Tell whether a lowered value can be no bytes, by its form."""
        kind = node.__class__
        if kind is ast.BinOp and node.op.__class__ is ast.Mod:
            return self._is_no_bytes(node.left)
        if kind is ast.Constant:
            return node.value.__class__ is not bytes
        if kind is ast.Tuple:
            # `startswith` takes several, and `in` finds none of them in text.
            return all(map(self._is_no_bytes, node.elts))
        return kind in _NO_TEXT or bool(self.number(node))

    def text_method(self, node: Any) -> Any:
        """Return the call of a method that text has, which may be given bytes."""
        owner, arguments = node.func.value, node.args
        # What follows the text is a number: a start, an end, how often.
        texts = arguments[: 2 if node.func.attr == "replace" else 1]
        unknown = [value for value in texts if not self._is_no_bytes(value)]
        is_starred = any(value.__class__ is ast.Starred for value in arguments)
        if not unknown or node.keywords or is_starred:
            return node
        name = constant_at(node, node.func.attr)
        helper = call_at(node, "_p27_text_method", [owner, name, *arguments])
        if not all(map(is_repeatable, unknown)) or not _is_path(owner):
            return helper
        tests = [class_is_at(node, value, "_p27_text") for value in unknown]
        return choice_at(node, both_at(node, tests), node, helper)

    # %

    def _once(self, value: Any) -> tuple[ast.NamedExpr, ast.Name] | None:
        """Return an expression with a name for a moment, and the name; or None.

        One name is enough for a function: nothing is evaluated between its assignment
        and its use. Not so in a generator expression, which may run in another thread.
        """
        is_seen = self.shows_locals or self.scope.kind != "function"
        if is_seen or self.no_walrus or self.in_generator_expression:
            return None
        target = store_at(value, "_p27_value")
        fields = {"target": target, "value": value}
        return make_at(ast.NamedExpr, value, fields), name_at(value, "_p27_value")

    def remainder(self, node: Any) -> Any:
        """Return `a % b`: a remainder, or text being formatted."""
        left, right = node.left, node.right
        if left.__class__ is ast.Constant:
            if left.value.__class__ is str:
                return formatted(node, self._once)
            return node
        if self.number(left) or self.number(right) == "int":
            return node
        helper = call_at(node, "_p27_mod", [left, right])
        if left.__class__ is not ast.Name or isinstance(right, (ast.Tuple, ast.Dict)):
            return helper
        if not is_repeatable(right):
            return helper
        test = class_is_at(node, left, "_p27_int")
        return choice_at(node, test, node, helper)
