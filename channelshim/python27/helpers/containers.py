"""Lists where Python 3 gives views and iterators, and attributes of old names."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, MappingView
from types import FunctionType, GeneratorType
from typing import Any, Final

from channelshim.python27.helpers import text
from channelshim.python27.strings import STRINGS

_VIEWS: Final = (type({}.keys()), type({}.values()), type({}.items()), MappingView)  # type: ignore[var-annotated]


def _listed(owner: Any, answer: Any) -> Any:
    """Return a method's answer as the list that 2.7 gave."""
    if type(answer) is list:
        return answer
    if isinstance(answer, _VIEWS):
        return list(answer)  # type: ignore[call-overload]
    if isinstance(answer, Iterator) and not _is_app_generator(answer):
        return list(answer)
    return answer


def _is_app_generator(value: Any) -> bool:
    """Tell whether a generator is the app's own: its `keys` gave one in 2.7 too."""
    if not isinstance(value, GeneratorType) or value.gi_frame is None:
        return False
    return "_p27_div" in value.gi_frame.f_builtins


def _is_of_app(function: Any) -> bool:
    """Tell whether a function is in source of 2.7."""
    if not isinstance(function, FunctionType):
        return False
    return "_p27_div" in getattr(function, "__builtins__", ())


def keys(owner: Any, *args: Any, **named: Any) -> Any:
    """Do `owner.keys()`."""
    if type(owner) is dict and not args:
        return list(owner)
    return _listed(owner, owner.keys(*args, **named))


def values(owner: Any, *args: Any, **named: Any) -> Any:
    """Do `owner.values()`."""
    if type(owner) is dict and not args:
        return list(owner.values())
    return _listed(owner, owner.values(*args, **named))


def items(owner: Any, *args: Any, **named: Any) -> Any:
    """Do `owner.items()`."""
    if type(owner) is dict and not args:
        return list(owner.items())
    return _listed(owner, owner.items(*args, **named))


def _iterating(old: str, new: str) -> Callable[..., Any]:
    """Return `iterkeys` and its like: the object's own, else an iterator of the new."""

    def iterate(owner: Any, *args: Any, **named: Any) -> Any:
        own = getattr(owner, old, None)
        if own is not None:
            return own(*args, **named)
        return iter(_method(owner, old, new)(*args, **named))

    return iterate


def _viewing(old: str, new: str) -> Callable[..., Any]:
    def view(owner: Any, *args: Any, **named: Any) -> Any:
        own = getattr(owner, old, None)
        if own is not None:
            return own(*args, **named)
        return _method(owner, old, new)(*args, **named)

    return view


def _method(owner: Any, old: str, new: str) -> Any:
    """Return the method of the new name, on what is a mapping.

    A dict's `iterkeys` never asked the `keys` that an app wrote in a subclass.
    """
    if isinstance(owner, dict):
        for kind in type(owner).__mro__:
            method = vars(kind).get(new)
            if method is not None and not _is_of_app(method):
                return functools.partial(method, owner)
    if isinstance(owner, Mapping) or isinstance(owner, type) or hasattr(owner, new):
        return getattr(owner, new)
    return getattr(owner, old)


iterkeys: Final = _iterating("iterkeys", "keys")
itervalues: Final = _iterating("itervalues", "values")
iteritems: Final = _iterating("iteritems", "items")
viewkeys: Final = _viewing("viewkeys", "keys")
viewvalues: Final = _viewing("viewvalues", "values")
viewitems: Final = _viewing("viewitems", "items")


def has_key(owner: Any, *args: Any) -> Any:
    """Do `owner.has_key(key)`."""
    own = getattr(owner, "has_key", None)
    if own is not None:
        return own(*args)
    if isinstance(owner, type):
        owner, args = args[0], args[1:]
    elif not hasattr(owner, "keys"):
        return owner.has_key(*args)
    if len(args) != 1:
        raise TypeError(f"has_key() takes exactly one argument ({len(args)} given)")
    return args[0] in owner


def next27(owner: Any) -> Any:
    """Do `owner.next()`."""
    try:
        own = owner.next
    except AttributeError:
        if not hasattr(owner, "__next__"):
            raise
        return owner.__next__()
    return own()


def genexp(iterator: Any) -> Any:
    """Yield an iterator's items; a StopIteration inside it just ends it."""
    try:
        yield from iterator
    except RuntimeError as error:
        if not isinstance(error.__cause__, StopIteration):
            raise


# --- functions that gave lists


def map27(function: Any, *sequences: Any) -> list[Any]:
    """Do as Python 2.7's `map`: shorter sequences are filled up with None."""
    if not sequences:
        raise TypeError("map() requires at least two args")
    if len(sequences) == 1:
        if function is None:
            return list(sequences[0])
        return list(map(_as_text_function(function), sequences[0]))
    rows = itertools.zip_longest(*sequences)
    if function is None:
        return list(rows)
    return list(itertools.starmap(_as_text_function(function), rows))


def _as_text_function(function: Any) -> Any:
    """Return `str` given as a function as the one that knows 2.7's floats."""
    return text.str27 if function is str else function


def filter27(function: Any, sequence: Any) -> Any:
    """Do as Python 2.7's `filter`: text stays text, a tuple a tuple."""
    found = filter(None if function is bool else function, sequence)
    if isinstance(sequence, STRINGS):
        return text.join27("", list(found))
    return tuple(found) if isinstance(sequence, tuple) else list(found)


def zip27(*sequences: Any) -> list[Any]:
    """Do as Python 2.7's `zip`."""
    return list(zip(*sequences, strict=False))


def range27(*bounds: Any) -> list[int]:
    """Do as Python 2.7's `range`."""
    return list(range(*bounds))


def apply(function: Any, args: Any = (), named: Any = None) -> Any:
    """Do `function(*args, **named)`."""
    return function(*args, **(named or {}))


TABLE: Final[dict[str, Any]] = {
    "_p27_keys": keys,
    "_p27_values": values,
    "_p27_items": items,
    "_p27_iterkeys": iterkeys,
    "_p27_itervalues": itervalues,
    "_p27_iteritems": iteritems,
    "_p27_viewkeys": viewkeys,
    "_p27_viewvalues": viewvalues,
    "_p27_viewitems": viewitems,
    "_p27_has_key": has_key,
    "_p27_next": next27,
    "_p27_genexp": genexp,
    "_p27_range": range,
    "map": map27,
    "filter": filter27,
    "zip": zip27,
    "range": range27,
    "xrange": range,
    "reduce": functools.reduce,
    "apply": apply,
}
