"""`if a < b:` and `return cmp(a, b)` the native way first.

Theory of `if`. What `a < b` gives where Python 3 compares is what 2.7 gives; only where
it raises TypeError 2.7 had an order of its own. A `try` costs nothing until then (a
single instruction on 3.10), and a test of both classes costs twice the comparison. So
the condition of an `if` is taken by itself:

    try:
        _p27_test = a < b
    except _p27_TypeError:
        _p27_test = _p27_lt_refused(a, b)
    if _p27_test: ...

The helper goes on where the comparison ended: it does not ask the operands again, and
raises the same error where 2.7 raised it too. Both operands are names or constants, so
no other TypeError can come from within the `try`.

Functions only: in a module or a class the name would be seen. A `try` is one of the 20
blocks that Python nests, so deep inside others the test of the classes stays.

Theory of `return cmp(a, b)`, which is how 2.7 sorts objects: it does for values of one
native type what the helper does for them (see helpers/order.py), without the call. What
none of the three comparisons answers, or what they refuse, is left to the helper.
"""

from __future__ import annotations

import ast
from typing import Any, Final

from channelshim.python27.lowering_base import (
    assign_at,
    call_at,
    constant_at,
    name_at,
    store_at,
)
from channelshim.python27.nodes import LOAD, make_at

TEST: Final = "_p27_test"
"""Name of what a condition gave, for one statement."""

DEEPEST: Final = 12
"""Blocks around an `if` that may have one more; a handler of 2.7 is up to three."""

_REFUSED: Final = {
    f"_p27_{name}": f"_p27_{name}_refused" for name in ("lt", "le", "gt", "ge")
}


def native_first(test: Any) -> ast.Try | None:
    """Return the statement that takes a lowered condition; None for one unfit for it.

    Args:
        test: the condition, which is the name TEST afterwards.
    """
    if test.__class__ is not ast.IfExp:
        return None
    native, helper = test.body, test.orelse
    if native.__class__ is not ast.Compare or helper.__class__ is not ast.Call:
        return None
    refused = _REFUSED.get(getattr(helper.func, "id", ""))
    if refused is None or helper.args != [native.left, *native.comparators]:
        return None
    call = call_at(test, refused, helper.args)
    body: list[ast.stmt] = [assign_at(test, store_at(test, TEST), native)]
    return _unless_refused(test, body, assign_at(test, store_at(test, TEST), call))


def _unless_refused(place: Any, body: list[ast.stmt], otherwise: ast.stmt) -> ast.Try:
    """Return `try: body`, and what to do after a TypeError."""
    fields: dict[str, Any] = {
        "type": name_at(place, "_p27_TypeError"),
        "name": None,
        "body": [otherwise],
    }
    handler = make_at(ast.ExceptHandler, place, fields)
    fields = {"body": body, "handlers": [handler], "orelse": [], "finalbody": []}
    return make_at(ast.Try, place, fields)


_LEFT, _RIGHT = "_p27_left", "_p27_right"
_IS: Final[ast.cmpop] = ast.Is()
_IN: Final[ast.cmpop] = ast.In()
_ANSWERS: Final[tuple[tuple[ast.cmpop, int], ...]] = (
    (ast.Lt(), -1),
    (ast.Gt(), 1),
    (ast.Eq(), 0),
)


def returned_cmp(node: ast.Return) -> list[ast.stmt] | None:
    """Return the statements for `return cmp(a, b)`, lowered; None for any other."""
    call: Any = node.value
    is_cmp = call.__class__ is ast.Call and getattr(call.func, "id", "") == "_p27_cmp"
    if not is_cmp or call.keywords or len(call.args) != 2:
        return None
    if any(value.__class__ is ast.Starred for value in call.args):
        return None
    values = call.args
    call.args = [name_at(node, _LEFT), name_at(node, _RIGHT)]
    natively = _unless_refused(node, _answers(node), make_at(ast.Pass, node, {}))
    middle: ast.stmt = natively
    if any(value.__class__ is not ast.Tuple for value in values):
        fields = {"test": _are_native(node), "body": [natively], "orelse": []}
        middle = make_at(ast.If, node, fields)
    return [
        assign_at(node, store_at(node, _LEFT), values[0]),
        assign_at(node, store_at(node, _RIGHT), values[1]),
        middle,
        node,
    ]


def _answers(place: Any) -> list[ast.stmt]:
    """Return the statements that answer -1, 1 or 0 where a comparison is true."""
    statements: list[ast.stmt] = []
    for operator, number in _ANSWERS:
        fields: dict[str, Any] = {"left": name_at(place, _LEFT), "ops": [operator]}
        fields["comparators"] = [name_at(place, _RIGHT)]
        test = make_at(ast.Compare, place, fields)
        answer = make_at(ast.Return, place, {"value": constant_at(place, number)})
        fields = {"test": test, "body": [answer], "orelse": []}
        statements.append(make_at(ast.If, place, fields))
    return statements


def _are_native(place: Any) -> ast.Compare:
    """Return the test that both values are of one type that the helper knows."""
    kinds: list[Any] = []
    for name in (_LEFT, _RIGHT):
        owner = name_at(place, name)
        attribute = {"value": owner, "attr": "__class__", "ctx": LOAD}
        kinds.append(make_at(ast.Attribute, place, attribute))
    fields: dict[str, Any] = {"left": kinds[0], "ops": [_IS, _IN]}
    fields["comparators"] = [kinds[1], name_at(place, "_p27_native_order")]
    return make_at(ast.Compare, place, fields)
