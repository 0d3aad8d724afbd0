"""shelve: shelves under an app's own pickles."""

from __future__ import annotations

import io
import shelve
from typing import TYPE_CHECKING, Any

from channelshim.python27.stdlib import pickle_27
from channelshim.python27.strings import to_bytes, to_text

__all__ = ["Shelf", "BsdDbShelf", "DbfilenameShelf", "open"]


if TYPE_CHECKING:
    _Shelf = shelve.Shelf[Any]
else:
    _Shelf = shelve.Shelf


class Shelf(_Shelf):
    """A dict of pickled values."""

    def __init__(self, dict: Any, protocol: Any = None, writeback: Any = False) -> None:
        super().__init__(dict, protocol or 0, bool(writeback))

    def has_key(self, key: Any) -> bool:
        """Tell whether there is a key."""
        return key in self

    def _stored(self, key: Any) -> Any:
        return to_text(key) if type(self.dict) is dict else to_bytes(key)  # type: ignore[attr-defined]

    def __contains__(self, key: object) -> bool:
        return self._stored(key) in self.dict  # type: ignore[attr-defined]

    def __getitem__(self, key: Any) -> Any:
        try:
            return self.cache[key]  # type: ignore[attr-defined]
        except KeyError:
            stored = to_bytes(self.dict[self._stored(key)])  # type: ignore[attr-defined]
            value = pickle_27.Unpickler(io.BytesIO(stored)).load()
        if self.writeback:  # type: ignore[attr-defined]
            self.cache[key] = value  # type: ignore[attr-defined]
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        if self.writeback:  # type: ignore[attr-defined]
            self.cache[key] = value  # type: ignore[attr-defined]
        self.dict[self._stored(key)] = pickle_27.dumps(value, self._protocol)  # type: ignore[attr-defined]

    def __delitem__(self, key: Any) -> None:
        del self.dict[self._stored(key)]  # type: ignore[attr-defined]
        self.cache.pop(key, None)  # type: ignore[attr-defined]

    def keys(self) -> Any:
        """Return the keys."""
        return [to_text(key) for key in self.dict.keys()]  # type: ignore[attr-defined]

    def __iter__(self) -> Any:
        return iter(self.keys())


BsdDbShelf = Shelf


class DbfilenameShelf(Shelf):
    """A shelf in a file."""

    def __init__(
        self,
        filename: Any,
        flag: Any = "c",
        protocol: Any = None,
        writeback: Any = False,
    ) -> None:
        import dbm

        super().__init__(dbm.open(filename, flag), protocol, writeback)


def open(
    filename: Any, flag: Any = "c", protocol: Any = None, writeback: Any = False
) -> DbfilenameShelf:
    """Open a shelf in a file."""
    return DbfilenameShelf(filename, flag, protocol, writeback)
