"""What Python 2.7 gave as lists, where models and queries want a list.

map, filter, zip, range and the views of a dict; each function takes the freshly
imported module.
"""

from __future__ import annotations

import functools
from typing import Any, Final

_LAZY: Final[tuple[Any, ...]] = (
    map,
    filter,
    zip,
    range,
    type({}.keys()),
    type({}.values()),
    type({}.items()),
)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, _LAZY) else value


def _take_lists(owner: Any, name: str, position: int) -> None:
    """Have a method take what was a list once, as its argument at a position."""
    plain = getattr(owner, name)

    @functools.wraps(plain)
    def method(*args: Any, **named: Any) -> Any:
        if len(args) > position and isinstance(args[position], _LAZY):
            args = (*args[:position], list(args[position]), *args[position + 1 :])
        return plain(*args, **named)

    setattr(owner, name, method)


def patch_ndb_model(model: Any) -> None:
    """Take them as values of repeated properties, and for IN."""
    plain_set = model.Property._set_value

    @functools.wraps(plain_set)
    def set_value(self: Any, entity: Any, value: Any) -> None:
        plain_set(self, entity, _listed(value) if self._repeated else value)

    model.Property._set_value = set_value
    for kind in (model.Property, model.StructuredProperty):
        _take_lists(kind, "_IN", 1)
        kind.IN = kind._IN


def patch_db(db: Any) -> None:
    """Take them as values of list properties, and for IN."""
    _take_lists(db.ListProperty, "validate", 1)
    _take_lists(db.Query, "filter", 2)
