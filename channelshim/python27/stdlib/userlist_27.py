"""UserList: a list in a class."""

from __future__ import annotations

import collections
from typing import Any

from channelshim.python27.helpers import order

__all__ = ["UserList"]


def _plain(other: Any) -> Any:
    return other.data if isinstance(other, collections.UserList) else other


class UserList(collections.UserList[Any]):
    """A list in `data`."""

    def __lt__(self, other: Any) -> Any:
        return order.lt(self.data, _plain(other))

    def __le__(self, other: Any) -> Any:
        return order.le(self.data, _plain(other))

    def __gt__(self, other: Any) -> Any:
        return order.gt(self.data, _plain(other))

    def __ge__(self, other: Any) -> Any:
        return order.ge(self.data, _plain(other))

    def __cmp__(self, other: Any) -> int:
        return order.cmp(self.data, _plain(other))

    def sort(self, *args: Any, **named: Any) -> None:
        """Sort in place."""
        order.sort(self.data, *args, **named)

    def __getslice__(self, i: int, j: int) -> Any:
        return self.__class__(self.data[max(i, 0) : max(j, 0)])

    def __setslice__(self, i: int, j: int, other: Any) -> None:
        self.data[max(i, 0) : max(j, 0)] = list(_plain(other))

    def __delslice__(self, i: int, j: int) -> None:
        del self.data[max(i, 0) : max(j, 0)]
