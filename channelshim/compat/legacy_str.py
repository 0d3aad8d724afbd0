"""Python 2.7's `str`: bytes that are text wherever they meet text.

`'%s: %s' % (nickname, self.request.body)` must give text, and a binary upload must
stay whole: hence bytes whose text form is their UTF-8 reading. See "Bytes that are
text" in docs/reference/python-api.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final


class LegacyStr(bytes):
    """Bytes whose str() is their text; what is not UTF-8 becomes lone surrogates.

    The text gives the same bytes back with `surrogateescape`: nothing is lost on the
    way through a format or a template. A method that is given text works on the text
    and answers with text; one that is given none answers with bytes of this kind. A
    single item is a number, as that of any bytes: what reads bytes (json, urllib)
    depends on it.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return self.decode("utf-8", "surrogateescape")

    def __format__(self, specification: str) -> str:
        return format(str(self), specification)

    def __html__(self) -> str:
        """Return the text escaped, for templates with autoescape."""
        from markupsafe import escape

        return str(escape(str(self)))

    def __add__(self, other: object) -> bytes | str:  # type: ignore[override]
        if isinstance(other, str):
            return str(self) + other
        return legacy_str(bytes.__add__(self, other))  # type: ignore[operator]

    def __radd__(self, other: object) -> str:
        if isinstance(other, str):
            return other + str(self)
        return NotImplemented

    def __mul__(self, times: Any) -> LegacyStr:
        return legacy_str(bytes.__mul__(self, times))

    def __rmul__(self, times: Any) -> LegacyStr:
        return legacy_str(bytes.__mul__(self, times))

    def __mod__(self, values: Any) -> Any:
        return str(self) % values

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return str(self) == other
        return bytes.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: Any) -> Any:
        return _in_kind(self, other) < other

    def __le__(self, other: Any) -> Any:
        return _in_kind(self, other) <= other

    def __gt__(self, other: Any) -> Any:
        return _in_kind(self, other) > other

    def __ge__(self, other: Any) -> Any:
        return _in_kind(self, other) >= other

    def __hash__(self) -> int:
        # It equals its text, and finds it in a dictionary. Bytes and text that are
        # ASCII have one hash anyway (PEP 456), so bytes find those, too.
        return bytes.__hash__(self) if self.isascii() else hash(str(self))

    def __contains__(self, item: object) -> bool:
        if isinstance(item, str):
            return item in str(self)
        return bytes.__contains__(self, item)  # type: ignore[operator]

    def __getitem__(self, place: Any) -> Any:
        item = bytes.__getitem__(self, place)
        return legacy_str(item) if isinstance(place, slice) else item

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> LegacyStr:
        """Return the text in another encoding, as 2.7's `str.encode` did."""
        return LegacyStr(str(self).encode(encoding, errors))


_kind: type[LegacyStr] = LegacyStr
_alike: list[Any] = []
"""Classes of others that behave as `_kind` does."""


def legacy_str(value: bytes) -> LegacyStr:
    """Return bytes as the kind of LegacyStr that this process gives to apps."""
    return _kind(value)


def set_kind(kind: type[LegacyStr]) -> None:
    """Have `legacy_str` give another kind: Python 2.7's whole str, for its source."""
    global _kind
    _kind = kind
    for each in _alike:
        behave_as_legacy_str(each)


def _in_kind(value: LegacyStr, other: object) -> str | bytes:
    """Return the value as what the other one can be compared with."""
    return str(value) if isinstance(other, str) else bytes(value)


def kinds() -> frozenset[type[LegacyStr]]:
    """Return the classes whose objects an app may have, for tables by class."""
    return frozenset({LegacyStr, _kind})


def legacy_name(raw: bytes) -> LegacyStr:
    """Return an identifier as `legacy_str` does, fast as a dictionary's key.

    Theory: bytes and text that are ASCII have one hash, so bytes' own will do; it is
    asked for each time that ndb reads or writes a property.
    """
    if not raw.isascii():
        return legacy_str(raw)
    kind = _name_kinds.get(_kind)
    if kind is None:
        of = _kind
        members = {
            "__slots__": (),
            "__hash__": bytes.__hash__,
            "__class__": property(lambda self: of),
            "decode": bytes.decode,
            "__reduce_ex__": lambda self, protocol: (legacy_str, (bytes(self),)),
        }
        kind = _name_kinds[of] = type(of.__name__, (of,), members)
    return kind(raw)


_name_kinds: dict[type[LegacyStr], type[LegacyStr]] = {}


def is_legacy_str(value: object) -> bool:
    """Tell whether bytes are text to an app: a LegacyStr, or what behaves as one."""
    return isinstance(value, (LegacyStr, *_alike))


def as_text(value: Any) -> Any:
    """Return a LegacyStr's text, and anything else as it is."""
    return str(value) if isinstance(value, LegacyStr) else value


def as_bytes(value: Any) -> Any:
    """Return text as the bytes that it was, or is as UTF-8; all else as it is."""
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def _is_text(argument: object) -> bool:
    """Tell whether a method's argument is text, or a collection of text."""
    if isinstance(argument, (tuple, list)):
        return any(isinstance(item, str) for item in argument)
    return isinstance(argument, str)


def in_legacy_str(value: Any) -> Any:
    """Return a value with its bytes as LegacyStr, also those in lists and the like."""
    kind = type(value)
    if kind is bytes:
        return legacy_str(value)
    if kind is list or kind is tuple:
        return kind(map(in_legacy_str, value))
    if kind is dict:
        return {in_legacy_str(key): in_legacy_str(each) for key, each in value.items()}
    return value


def _method(name: str) -> Callable[..., Any]:
    """Return a method of bytes that takes text too."""
    of_bytes, of_text = getattr(bytes, name), getattr(str, name)

    def method(self: LegacyStr, *arguments: Any, **named: Any) -> Any:
        if any(map(_is_text, arguments)) or any(map(_is_text, named.values())):
            arguments = tuple(
                list(map(as_text, argument))
                if isinstance(argument, list)
                else as_text(argument)
                for argument in arguments
            )
            named = {key: as_text(value) for key, value in named.items()}
            return of_text(str(self), *arguments, **named)
        return in_legacy_str(of_bytes(self, *arguments, **named))

    method.__name__ = name
    method.__doc__ = f"Do as `bytes.{name}`, and with text as `str.{name}`."
    return method


for _name in (
    *("capitalize", "center", "count", "endswith", "expandtabs", "find", "index"),
    *("join", "ljust", "lower", "lstrip", "partition", "replace", "rfind", "rindex"),
    *("rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith"),
    *("strip", "swapcase", "title", "upper", "zfill"),
):
    setattr(LegacyStr, _name, _method(_name))

_OWN: Final = frozenset({"__doc__", "__module__", "__slots__", "__firstlineno__"}) | {
    *("__new__", "__reduce__", "__reduce_ex__", "__static_attributes__")
}
"""What makes LegacyStr a class of its own, and no other one like it."""


def behave_as_legacy_str(kind: Any) -> None:
    """Give a class of bytes the methods of what `legacy_str` returns.

    Args:
        kind: a subclass of bytes that somebody else wrote; what its methods give is
            no longer of this class.
    """
    if kind not in _alike:
        _alike.append(kind)
    for each in reversed(_kind.__mro__):
        if issubclass(each, LegacyStr):
            for name, member in vars(each).items():
                if name not in _OWN:
                    setattr(kind, name, member)
