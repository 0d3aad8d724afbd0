"""Cookie: the three kinds of cookies."""

from __future__ import annotations

import http.cookies
import pickle
from typing import TYPE_CHECKING, Any

from channelshim.python27.helpers.text import str27
from channelshim.python27.strings import STRINGS, to_bytes, to_text

__all__ = [
    *("BaseCookie", "SimpleCookie", "SerialCookie", "SmartCookie", "Cookie"),
    *("CookieError", "Morsel"),
]

CookieError = http.cookies.CookieError
Morsel = http.cookies.Morsel


if TYPE_CHECKING:
    _Cookies = http.cookies.BaseCookie[Any]
else:
    _Cookies = http.cookies.BaseCookie


class BaseCookie(_Cookies):
    """Cookies, by name."""

    def __init__(self, input: Any = None) -> None:
        super().__init__()
        if input:
            self.load(input)

    def load(self, rawdata: Any) -> None:
        """Read cookies from a header, or take them from a mapping."""
        if isinstance(rawdata, STRINGS):
            super().load(to_text(rawdata))
            return
        for key, value in rawdata.items():
            self[key] = value

    def value_encode(self, val: Any) -> tuple[Any, str]:
        """Return a value and how it is written."""
        text = to_text(str27(val))
        return text, text


class SimpleCookie(BaseCookie):
    """Cookies whose values are strings."""

    def value_decode(self, val: str) -> tuple[Any, str]:
        """Return a value and how it was written."""
        return http.cookies._unquote(val), val

    def value_encode(self, val: Any) -> tuple[Any, str]:
        """Return a value and how it is written."""
        text = to_text(str27(val))
        return text, http.cookies._quote(text)


class SerialCookie(BaseCookie):
    """Cookies whose values are pickled: never for what a browser sends."""

    def value_decode(self, val: str) -> tuple[Any, str]:
        """Return a value and how it was written."""
        plain = http.cookies._unquote(val)
        return pickle.loads(to_bytes(plain)), val

    def value_encode(self, val: Any) -> tuple[Any, str]:
        """Return a value and how it is written."""
        dumped = pickle.dumps(val, 0).decode("latin-1")
        return val, http.cookies._quote(dumped)


class SmartCookie(SerialCookie):
    """Strings as they are, other values pickled."""

    def value_decode(self, val: str) -> tuple[Any, str]:
        """Return a value and how it was written."""
        plain = http.cookies._unquote(val)
        try:
            return pickle.loads(to_bytes(plain)), val
        except Exception:
            return plain, val

    def value_encode(self, val: Any) -> tuple[Any, str]:
        """Return a value and how it is written."""
        if isinstance(val, STRINGS):
            text = to_text(val)
            return text, http.cookies._quote(text)
        return super().value_encode(val)


Cookie = SmartCookie
