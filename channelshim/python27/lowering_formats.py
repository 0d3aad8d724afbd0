"""`'...' % values` with a literal on the left: what 2.7's str() made of each value.

Python 3 formats `%s` with its own str(), which has 17 digits for a float and no
`__unicode__`. The places of `%s` are known when a literal is read, so only the values
at these places are handed to a helper.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any, Final

from channelshim.python27.lowering_base import (
    call_at,
    choice_at,
    class_is_at,
)

_PLACE: Final = re.compile(
    r"%(\((?:[^()]|\([^()]*\))*\))?[#0\- +]*(\*|\d+)?(?:\.(\*|\d*))?[hlL]?(.)?",
    re.DOTALL,
)

_TEXT_HELPERS: Final = frozenset(
    ("_p27_str", "_p27_unicode", "_p27_repr", "_p27_join", "_p27_s", "_p27_u")
)


Once = Callable[[Any], "tuple[ast.NamedExpr, ast.Name] | None"]
"""Gives an expression a name for a moment: where it is evaluated, and the name."""


def formatted(node: Any, once: Once) -> Any:
    """Return `literal % values`, lowered but for what `%s` makes of the values.

    Args:
        once: None is its answer where there can be no such name.
    """
    literal, values = node.left, node.right
    places = [match for match in _PLACE.finditer(literal.value) if match[4] != "%"]
    prefix = "_p27_u" if literal.kind == "u" else "_p27_s"
    if any(match[4] == "c" for match in places):
        # A byte is a character too; rare, so the helper may look at all of it.
        return _by_helper(node, prefix)
    if not any(match[4] == "s" for match in places):
        return node
    if any(match[1] for match in places):
        return _formatted_by_key(node, prefix, places, once)
    node.right = _wrap_in_order(prefix, values, places, once)
    return node


def _by_helper(node: Any, prefix: str) -> Any:
    helper_name = "_p27_u_mod" if prefix == "_p27_u" else "_p27_mod"
    return call_at(node, helper_name, [node.left, node.right])


def _formatted_by_key(
    node: Any, prefix: str, places: list[re.Match[str]], once: Once
) -> Any:
    values = node.right
    keys = {match[1][1:-1] for match in places if match[1] and match[4] == "s"}
    if not keys:
        return node
    others = {match[1][1:-1] for match in places if match[1] and match[4] != "s"}
    is_literal = values.__class__ is ast.Dict and all(
        key.__class__ is ast.Constant for key in values.keys
    )
    if not is_literal or not others.isdisjoint(keys):
        return _by_helper(node, prefix)
    for number, key in enumerate(values.keys):
        if key.value in keys:
            values.values[number] = _wrap(prefix, values.values[number], once)
    return node


def _wrap_in_order(
    prefix: str, values: Any, places: list[re.Match[str]], once: Once
) -> Any:
    if values.__class__ is not ast.Tuple:
        if _is_plain(values):
            return values
        return _unless_text(values, f"{prefix}_any", once)
    number = 0
    for match in places:
        # A star takes a value of its own.
        number += (match[2] == "*") + (match[3] == "*")
        if match[4] == "s" and number < len(values.elts):
            values.elts[number] = _wrap(prefix, values.elts[number], once)
        number += 1
    return values


def _wrap(prefix: str, value: Any, once: Once) -> Any:
    if _is_plain(value):
        return value
    return _unless_text(value, prefix, once)


def _unless_text(value: Any, helper_name: str, once: Once) -> Any:
    """Return a helper's call; what is text does without it."""
    source = name = value
    if value.__class__ is not ast.Name:
        named = once(value)
        if named is None:
            return call_at(value, helper_name, [value])
        source, name = named
    test = class_is_at(value, source, "_p27_text")
    return choice_at(value, test, name, call_at(value, helper_name, [name]))


def _is_plain(value: Any) -> bool:
    """Tell whether Python 3's str() of a value is 2.7's."""
    if value.__class__ is ast.Constant:
        return value.value.__class__ in (str, int, bool, type(None))
    return (
        value.__class__ is ast.Call
        and value.func.__class__ is ast.Name
        and value.func.id in _TEXT_HELPERS
    )
