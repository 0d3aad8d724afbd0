"""Formats: `%` and `format`, with 2.7's floats, bytes and objects."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, Final

from channelshim.python27.helpers import templates
from channelshim.python27.helpers.text import float_text, str27
from channelshim.python27.strings import STRINGS, NativeStr, to_text

_PLAIN_TYPES: Final = frozenset({str, int, bool, type(None)})


_WITHOUT_DIGITS: Final = re.compile(r"(?s)(?:.?[<>=^])?[-+ ]?#?0?\d*,?").fullmatch


class _Float(float):
    """A float that a format without a type and digits writes with 12 digits."""

    def __format__(self, specification: str) -> str:
        if not specification:
            return str(self)
        if _WITHOUT_DIGITS(specification):
            specification += ".12"
        return format(float(self), specification)

    def __str__(self) -> str:
        return float_text(self)


class _Textual:
    """A value that formats by its text, as every object of 2.7 did."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __format__(self, specification: str) -> str:
        return format(to_text(str27(self._value)), specification)

    def __repr__(self) -> str:
        return repr(self._value)

    def __str__(self) -> str:
        return to_text(str27(self._value))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._value, name)

    def __getitem__(self, key: Any) -> Any:
        return self._value[key]


def _formatted(value: Any) -> Any:
    kind = type(value)
    if kind is str or kind is int:
        return value
    if kind is float:
        return _Float(value)
    if kind.__format__ is object.__format__:  # type: ignore[comparison-overlap]
        return _Textual(value)  # type: ignore[unreachable]
    return value


_LOOKS_INSIDE: Final = re.compile(r"\{[^{}!:]*[.\[]").search


class _Inside:
    """A value that formats as 2.7 did, and so does what `{0.name}` finds in it."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __getattribute__(self, name: str) -> Any:
        return _Inside(getattr(_value_in(self), name))

    def __getitem__(self, key: Any) -> Any:
        return _Inside(_value_in(self)[key])

    def __format__(self, specification: str) -> str:
        return format(_formatted(_value_in(self)), specification)

    def __str__(self) -> str:
        return str(_formatted(_value_in(self)))

    def __repr__(self) -> str:
        return repr(_value_in(self))


_value_in: Final[Callable[[_Inside], Any]] = vars(_Inside)["_value"].__get__


def format27(value: Any, *args: Any, **named: Any) -> Any:
    """Do `value.format(…)`."""
    if isinstance(value, type) and issubclass(value, STRINGS):
        value, args = args[0], args[1:]
    if not isinstance(value, STRINGS):
        return value.format(*args, **named)
    template = to_text(value)
    prepared = _Inside if _LOOKS_INSIDE(template) else _formatted
    args = tuple(map(prepared, args))
    named = {key: prepared(item) for key, item in named.items()}
    return template.format(*args, **named)


def format_builtin(value: Any, specification: Any = "") -> str:
    """Do as Python 2.7's `format(value, specification)`."""
    return format(_formatted(value), to_text(specification))


# --- %


def s(value: Any) -> Any:
    """Return what `%s` of a native literal writes for a value."""
    if type(value) is str:
        return value
    kind = type(value)
    if kind in _PLAIN_TYPES:
        return value
    if kind is float:
        return float_text(value)
    if isinstance(value, bytes):
        return to_text(value)
    return value


def u(value: Any) -> Any:
    """Return what `%s` of a unicode literal writes for a value."""
    if type(value) is str:
        return value
    kind = type(value)
    if kind in _PLAIN_TYPES:
        return value
    method = getattr(kind, "__unicode__", None)
    if method is not None:
        return to_text(method(value))
    return s(value)


def _any(each: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def wrapped(value: Any) -> Any:
        if type(value) is str:
            return value
        if isinstance(value, tuple):
            return tuple(map(each, value))
        if isinstance(value, dict):
            return value
        return each(value)

    return wrapped


def _value_at(kind: str, value: Any, each: Callable[[Any], Any]) -> Any:
    """Return what a conversion of a kind formats; `each` is for %s."""
    if kind == "s":
        return each(value)
    return templates.character(value) if kind == "c" else value


class _Values:
    """A mapping whose values at some keys are as `%s` writes them."""

    __slots__ = ("_each", "_keys", "_mapping")

    def __init__(self, mapping: Any, keys: Any, each: Callable[[Any], Any]) -> None:
        self._mapping = mapping
        self._keys = keys
        self._each = each

    def __getitem__(self, key: Any) -> Any:
        value = self._mapping[key]
        return self._each(value) if key in self._keys else value


class _Apart:
    """A mapping for a template of `_told_apart`: values for kinds of conversions."""

    __slots__ = ("_each", "_mapping")

    def __init__(self, mapping: Any, each: Callable[[Any], Any]) -> None:
        self._mapping = mapping
        self._each = each

    def __getitem__(self, key: str) -> Any:
        kind, mark, own = key[:1], key[1:2], key[2:]
        if mark != _MARK:
            return self._mapping[key]
        value = self._mapping[own]
        return _value_at(kind, value, self._each)


def _is_mapping(right: Any) -> bool:
    """Return whether what stands behind a `%` is looked into by keys."""
    return not isinstance(right, (tuple, *STRINGS)) and hasattr(right, "__getitem__")


def _map(each: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """Return what prepares a mapping, by what it does to each value at `%s`."""

    def wrapped(mapping: Any, keys: Any) -> Any:
        if type(mapping) is dict:
            changed = None
            for key in keys:
                # A missing key is the format's own error.
                value: Any = mapping.get(key)
                kind = type(value)
                if kind is str or kind in _PLAIN_TYPES:
                    continue
                if changed is None:
                    changed = mapping.copy()
                changed[key] = each(value)
            return mapping if changed is None else changed
        return _Values(mapping, keys, each) if _is_mapping(mapping) else mapping

    return wrapped


_CONVERSION: Final = (
    r"(?s)%(?:\((?P<key>(?:[^()]|\([^()]*\))*)\))?[-#0 +]*"
    r"(?P<width>\*|\d+)?(?:\.(?P<precision>\*|\d*))?[hlL]?(?P<kind>.)"
)


_MARK: Final = "\0"


@functools.lru_cache(maxsize=1024)
def _conversions(template: str) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Return the letter of each positional conversion, the keys that are at a %s, and
    whether values must be told apart: one has conversions of two kinds, or a %c.

    The letter is "" for a width or precision that is a value.
    """
    places: list[str] = []
    keys: dict[str, None] = {}
    others = set()
    has_character = False
    for found in re.finditer(_CONVERSION, template):
        kind = found["kind"]
        if kind == "%":
            continue
        if found["key"] is not None:
            has_character = has_character or kind == "c"
            if kind == "s":
                keys[found["key"]] = None
            else:
                others.add(found["key"])
            continue
        places.extend("" for part in ("width", "precision") if found[part] == "*")
        places.append(kind)
    is_apart = has_character or not others.isdisjoint(keys)
    return tuple(places), tuple(keys), is_apart


@functools.lru_cache(maxsize=1024)
def _told_apart(template: str) -> str:
    """Return a template whose keys say what kind of conversion they are at."""

    def marked(found: re.Match[str]) -> str:
        if found["key"] is None or found["kind"] == "%":
            return found[0]
        # "%(" stands before the key.
        return f"%({found['kind']}{_MARK}{found[0][2:]}"

    return re.sub(_CONVERSION, marked, template)


class _Template:
    """One text before `%`: how often it was used, and its function, if it has one.

    The count needs no lock: one that is lost makes the function a use later.
    """

    __slots__ = ("fill", "uses")

    def __init__(self) -> None:
        self.fill: Callable[[dict[Any, Any]], str] | None = None
        self.uses = 0


def text_by(each: Callable[[Any], Any]) -> Callable[[Any], str]:
    """Return what gives exactly a str for a value at `%s`."""
    return lambda value: str.__str__(str(each(value)))


def _modulo(each: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """Return `left % right` by what is done to each value at `%s`."""
    filled = _map(each)
    text = text_by(each)

    @functools.lru_cache(maxsize=1024)
    def template_of(left: str) -> _Template:
        return _Template()

    def used(template: _Template, left: str) -> None:
        template.uses += 1
        if template.uses == templates.USES:
            template.fill = templates.make_fill(left, text)

    def mod(left: Any, right: Any) -> Any:
        """Return `left % right`; the left side is most often text."""
        if right.__class__ is dict and type(left) is str:
            template = template_of(left)
            if template.fill is not None:
                return template.fill(right)
            used(template, left)
        elif type(left) is not str:
            if isinstance(left, NativeStr):
                left = to_text(left)
            if not isinstance(left, str) or type(left).__mod__ is not str.__mod__:
                return left % right
        places, keys, is_apart = _conversions(left)
        if is_apart and _is_mapping(right):
            return _told_apart(left) % _Apart(right, each)
        if keys and not isinstance(right, tuple):
            right = filled(right, keys)
        elif isinstance(right, tuple):
            if len(right) == len(places):
                right = tuple(
                    _value_at(kind, value, each)
                    for value, kind in zip(right, places, strict=True)
                )
        elif places and not isinstance(right, dict):
            right = _value_at(places[-1], right, each)
        return left % right

    return mod


s_any: Final = _any(s)
u_any: Final = _any(u)
mod: Final = _modulo(s)
u_mod: Final = _modulo(u)


TABLE: Final[dict[str, Any]] = {
    "_p27_format": format27,
    "_p27_s": s,
    "_p27_u": u,
    "_p27_s_any": s_any,
    "_p27_u_any": u_any,
    "_p27_mod": mod,
    "_p27_u_mod": u_mod,
    "format": format_builtin,
}
