"""collections: the abstract classes where 2.7 had them, and namedtuple's arguments."""

from __future__ import annotations

import collections
import collections.abc
import sys
from typing import Any

from channelshim.python27.stdlib.wrapping import text_of

__all__ = [*collections.abc.__all__, "namedtuple"]

globals().update(
    {name: getattr(collections.abc, name) for name in collections.abc.__all__}
)


def namedtuple(
    typename: Any, field_names: Any, verbose: Any = False, rename: Any = False
) -> Any:
    """Make a class of tuples with names."""
    names = text_of(field_names)
    if not isinstance(names, str):
        names = list(map(text_of, names))
    module = sys._getframe(1).f_globals.get("__name__", "__main__")
    return collections.namedtuple(
        text_of(typename), names, rename=bool(rename), module=module
    )
