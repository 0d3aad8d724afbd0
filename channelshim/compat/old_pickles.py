"""Pickles that Python 2.7 wrote into the datastore: dates, and text that was bytes."""

from __future__ import annotations

import datetime
import functools
import io
import pickle
from collections.abc import Callable
from typing import Any, Final


class Unpickler(pickle.Unpickler):
    """Reads what 2.7 wrote: a string is text, whose bytes that are no UTF-8 stay."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8", errors="surrogateescape")

    def find_class(self, module: str, name: str) -> Any:
        """Return a class or function by its names."""
        if module == "datetime" and name in _BY_STATE:
            return _BY_STATE[name]
        return super().find_class(module, name)


def _of_state(kind: Callable[..., Any]) -> Callable[..., Any]:
    """Return a constructor that takes the state that 2.7 wrote, read as text."""

    def construct(*args: Any) -> Any:
        if args and isinstance(args[0], str):
            state = args[0].encode("utf-8", "surrogateescape")
            args = (state, *args[1:])
        return kind(*args)

    return construct


_BY_STATE: Final = {
    kind.__name__: _of_state(kind)
    for kind in (datetime.datetime, datetime.date, datetime.time)
}


def patch_ndb_model(model: Any) -> None:
    """Have a PickleProperty read what Python 3's pickle cannot."""
    plain = model.PickleProperty._from_base_type

    @functools.wraps(plain)
    def from_base_type(self: Any, value: bytes) -> Any:
        try:
            return plain(self, value)
        except UnicodeDecodeError:
            return Unpickler(bytes(value)).load()

    model.PickleProperty._from_base_type = from_base_type
