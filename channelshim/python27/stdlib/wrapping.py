"""Functions of Python 3 given strings of Python 2.7, and giving them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from channelshim.python27.strings import NativeStr, native, to_bytes, to_text


def text_of(value: Any) -> Any:
    """Return a string's text; lists, tuples and dicts of strings too."""
    if isinstance(value, bytes):
        return to_text(value)
    if type(value) in (list, tuple):
        return type(value)(map(text_of, value))
    if type(value) is dict:
        return {text_of(key): text_of(item) for key, item in value.items()}
    return value


def bytes_of(value: Any) -> Any:
    """Return text as bytes, and anything else as it is."""
    return to_bytes(value) if isinstance(value, str) else value


def native_of(value: Any) -> Any:
    """Return bytes as an app's string; in lists and tuples too."""
    if type(value) is bytes:
        return native(value)
    if type(value) in (list, tuple):
        return type(value)(map(native_of, value))
    return value


def raw_of(value: Any) -> Any:
    """Return bytes as a string that stays bytes: a digest, a packed record."""
    return NativeStr(value) if isinstance(value, bytes) else value


def with_text(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that takes strings of both kinds as text."""

    @functools.wraps(function)
    def wrapper(*args: Any, **named: Any) -> Any:
        return function(
            *map(text_of, args), **{key: text_of(item) for key, item in named.items()}
        )

    return wrapper


def with_bytes(
    function: Callable[..., Any], answer: Callable[[Any], Any] = native_of
) -> Callable[..., Any]:
    """Return a function that takes strings of both kinds as bytes.

    Args:
        function: Python 3's.
        answer: what is made of its answer.
    """

    @functools.wraps(function)
    def wrapper(*args: Any, **named: Any) -> Any:
        return answer(
            function(
                *map(bytes_of, args),
                **{key: bytes_of(item) for key, item in named.items()},
            )
        )

    return wrapper
