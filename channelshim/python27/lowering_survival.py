"""Which names outlive the list comprehension or the handler that binds them.

In 2.7 `[x for x in y]` leaves x behind, and `except E, e` leaves e. Python 3 lets go of
both. Most programs do not look at them again, and then Python 3's way is quicker and
keeps no frame alive through a traceback; so this walk tells which names are read or
deleted outside: in the same scope, or in functions within it that do not bind the name.
A name that is read where it might not have been bound is counted: too many costs a
little time, too few would be wrong.
"""

from __future__ import annotations

import ast
from typing import Any, Final

from channelshim.python27.nodes import Scope

_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LEAVES: Final = frozenset((ast.Constant, ast.Pass, ast.Global, ast.Import))

_Hidden = frozenset[str]
_Work = list[tuple[Any, _Hidden]]


def surviving_names(scope: Scope, parts: list[Any]) -> set[str]:
    """Return the leaked and caught names that are used beyond their binder.

    Args:
        parts: the nodes of the scope's body, as parsed.
    """
    names = scope.leaked.keys() | scope.except_names
    if not names:
        return set()
    caught = scope.except_names
    used: set[str] = set(scope.except_names & scope.globals)
    work: _Work = [(part, frozenset()) for part in parts]
    while work:
        node, hidden = work.pop()
        kind = node.__class__
        if kind in _LEAVES:
            continue
        if kind is ast.Name:
            if node.id in names and node.id not in hidden:
                if node.ctx.__class__ is not ast.Store:
                    used.add(node.id)
        elif kind in _COMPREHENSIONS:
            # What runs later may run when the handler is over.
            is_lazy = kind is ast.GeneratorExp
            _add_comprehension(work, node, hidden - caught if is_lazy else hidden)
        elif kind is ast.FunctionDef or kind is ast.Lambda:
            _add_function(work, node, hidden - caught)
        elif kind is ast.ExceptHandler:
            _add_handler(work, node, hidden, used)
        else:
            _add_fields(work, node, hidden)
    return used


def _add_fields(work: _Work, node: Any, hidden: _Hidden) -> None:
    fields = node.__dict__
    for field in node._fields:
        value = fields.get(field)
        if value.__class__ is list:
            work.extend((item, hidden) for item in value if isinstance(item, ast.AST))
        elif isinstance(value, ast.AST):
            work.append((value, hidden))


def target_names(target: Any) -> list[str]:
    """Return the names that a target of `for` or `except` binds."""
    if target.__class__ is ast.Name:
        return [target.id]
    if target.__class__ is ast.Tuple or target.__class__ is ast.List:
        return [name for element in target.elts for name in target_names(element)]
    return []


def _add_comprehension(work: _Work, node: Any, hidden: _Hidden) -> None:
    generators = node.generators
    bound = [name for part in generators for name in target_names(part.target)]
    inner = hidden.union(bound)
    work.append((generators[0].iter, hidden))
    work.extend((part.iter, inner) for part in generators[1:])
    for part in generators:
        work.append((part.target, inner))
        work.extend((condition, inner) for condition in part.ifs)
    if node.__class__ is ast.DictComp:
        work.append((node.key, inner))
        work.append((node.value, inner))
    else:
        work.append((node.elt, inner))


def _add_function(work: _Work, node: Any, hidden: _Hidden) -> None:
    work.extend((default, hidden) for default in node.args.defaults)
    scope: Scope = node.scope
    own = (scope.bound.keys() | scope.leaked.keys()) - scope.globals
    inner = hidden.union(own)
    if node.__class__ is ast.Lambda:
        work.append((node.body, inner))
    else:
        work.extend((decorator, hidden) for decorator in node.decorator_list)
        work.extend((statement, inner) for statement in node.body)


def _add_handler(work: _Work, node: Any, hidden: _Hidden, used: set[str]) -> None:
    if node.type is not None:
        work.append((node.type, hidden))
    inner = hidden
    if node.target is not None:
        names = target_names(node.target)
        # A handler inside another of the same name would unbind it for both.
        used.update(name for name in names if name in hidden)
        inner = hidden.union(names)
        work.append((node.target, inner))
    work.extend((statement, inner) for statement in node.body)
