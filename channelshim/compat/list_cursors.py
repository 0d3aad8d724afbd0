"""Cursors of queries that are sorted by a list, in the SDK's own stub.

For an equality and a bound on one property a cursor holds every value of the list. The
stub writes them all, and refuses to read the second.
"""

from __future__ import annotations

import functools
from typing import Any


def read_lists(stub_util: Any) -> None:
    """Have the stub read each value that it has written."""
    cursors = stub_util.BaseCursor
    plain = cursors._DecodeCompiledCursor

    @functools.wraps(plain)
    def decode(self: Any, compiled_cursor: Any) -> Any:
        position = compiled_cursor.postfix_position
        names = [each.property_name for each in position.index_value]
        if len(set(names)) == len(names):
            return plain(self, compiled_cursor)
        once = type(compiled_cursor)()
        once.CopyFrom(compiled_cursor)
        del once.postfix_position.index_value[:]
        more = []
        seen = set()
        for each in position.index_value:
            if each.property_name in seen:
                more.append(each)
            else:
                seen.add(each.property_name)
                once.postfix_position.index_value.add().CopyFrom(each)
        entity, is_before = plain(self, once)
        for each in more:
            extra = entity.property.add()
            extra.name = each.property_name
            extra.value.CopyFrom(each.value)
        return entity, is_before

    cursors._DecodeCompiledCursor = decode
