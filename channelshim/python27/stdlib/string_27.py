"""The module string: its functions and letters."""

from __future__ import annotations

import string as real
from collections.abc import Callable
from typing import Any, Final

from channelshim.python27.helpers import text
from channelshim.python27.strings import STRINGS, NativeStr, to_bytes

__all__ = [
    *("whitespace", "lowercase", "uppercase", "letters", "printable"),
    *("atof", "atof_error", "atoi", "atoi_error", "atol", "atol_error"),
    *("index_error", "capitalize", "capwords", "center", "count", "expandtabs"),
    *("find", "index", "join", "joinfields", "ljust", "lower", "lstrip", "maketrans"),
    *("replace", "rfind", "rindex", "rjust", "rsplit", "rstrip", "split"),
    *("splitfields", "strip", "swapcase", "translate", "upper", "zfill"),
]

whitespace: Final = "\t\n\x0b\x0c\r "
lowercase: Final = real.ascii_lowercase
uppercase: Final = real.ascii_uppercase
letters: Final = lowercase + uppercase
printable: Final = real.digits + letters + real.punctuation + whitespace
index_error = atoi_error = atof_error = atol_error = ValueError


def atof(s: Any) -> float:
    """Return the float that a string writes."""
    return float(s)


def atoi(s: Any, base: Any = 10) -> int:
    """Return the number that a string writes in a base."""
    if not isinstance(s, STRINGS):
        raise TypeError(f"expected string, {type(s).__name__} found")
    return int(s, base)


def atol(s: Any, base: Any = 10) -> int:
    """Do as `atoi`; a trailing L is allowed."""
    if isinstance(s, STRINGS) and s[-1:] in ("l", "L"):
        s = s[:-1]
    return atoi(s, base)


_Method = Callable[..., Any]


def _method(name: str) -> _Method:
    def function(s: Any, *args: Any) -> Any:
        return getattr(s, name)(*args)

    function.__name__ = name
    function.__doc__ = f"Do `s.{name}(…)`."
    return function


capitalize: _Method = _method("capitalize")
center: _Method = _method("center")
count: _Method = _method("count")
expandtabs: _Method = _method("expandtabs")
find: _Method = _method("find")
index: _Method = _method("index")
ljust: _Method = _method("ljust")
lower: _Method = _method("lower")
lstrip: _Method = _method("lstrip")
rfind: _Method = _method("rfind")
rindex: _Method = _method("rindex")
rjust: _Method = _method("rjust")
rsplit: _Method = _method("rsplit")
rstrip: _Method = _method("rstrip")
split: _Method = _method("split")
splitfields: _Method = split
strip: _Method = _method("strip")
swapcase: _Method = _method("swapcase")
upper: _Method = _method("upper")


def replace(s: Any, old: Any, new: Any, maxreplace: int = -1) -> Any:
    """Do `s.replace(old, new)`, at most so often."""
    return s.replace(old, new, maxreplace)


def capwords(s: Any, sep: Any = None) -> Any:
    """Write each word with a capital."""
    words = [word.capitalize() for word in s.split(sep)]
    return text.join27(sep or " ", words)


def join(words: Any, sep: Any = " ") -> Any:
    """Join words by a separator."""
    return text.join27(sep, words)


joinfields = join


def zfill(x: Any, width: int) -> Any:
    """Fill a number's text with zeros on the left."""
    if not isinstance(x, STRINGS):
        x = repr(x)
    return x.zfill(width)


def translate(s: Any, table: Any, deletions: Any = "") -> Any:
    """Map each byte through a table of 256, without some."""
    if deletions or table is None:
        return text.translate27(s, table, deletions)
    return text.translate27(s, table)


def maketrans(fromstr: Any, tostr: Any) -> NativeStr:
    """Return the table of 256 that maps one string's bytes to another's."""
    source, target = _single_bytes(fromstr), _single_bytes(tostr)
    if len(source) != len(target):
        raise ValueError("maketrans arguments must have same length")
    return NativeStr(bytes.maketrans(source, target))


def _single_bytes(value: Any) -> bytes:
    return to_bytes(value)
