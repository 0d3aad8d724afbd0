"""What an index is made of, and which rows an entity has in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from channelshim import limits
from channelshim.contracts import ordering
from channelshim.errors import StorageError

Values = Mapping[str, Sequence[bytes]]
"""Property name to the distinct codes of its indexed values."""


class TooManyIndexRows(StorageError):
    """An entity has more index rows than limits.STORE_MAXIMUM_INDEX_ROWS."""


@dataclass(frozen=True, slots=True)
class IndexDefinition:
    """An index over entities of one kind; the key is always its last column.

    Attributes:
        properties: names, each with whether it sorts descending.
        has_ancestor: whether an entity has rows for each of its ancestors and itself.
    """

    properties: tuple[tuple[str, bool], ...]
    has_ancestor: bool = False

    @classmethod
    def single(cls, name: str) -> IndexDefinition:
        """Return the built-in index of a property; it is read in both directions."""
        return cls(((name, False),))

    @property
    def is_built_in(self) -> bool:
        """Whether every entity with the property is in it without being asked."""
        return (
            len(self.properties) == 1
            and not self.properties[0][1]
            and not self.has_ancestor
        )

    def to_text(self) -> str:
        """Return the text under which the store keeps it."""
        return json.dumps([self.has_ancestor, self.properties], ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> IndexDefinition:
        """Return what to_text wrote."""
        has_ancestor, properties = json.loads(text)
        return cls(tuple((name, down) for name, down in properties), has_ancestor)

    def row_values(self, path: bytes, values: Values) -> Sequence[bytes]:
        """Return the codes under which an entity stands in this index.

        Args:
            path: the entity's encoded path.
            values: of all its properties; without one of ours it has no row.

        Raises:
            TooManyIndexRows: the combinations of repeated properties are too many.
        """
        if self.is_built_in:
            return values.get(self.properties[0][0], ())
        columns = [
            _column(values.get(name, ()), is_descending)
            for name, is_descending in self.properties
        ]
        if self.has_ancestor:
            columns.insert(0, ancestor_codes(path))
        rows = 1
        for column in columns:
            rows *= len(column)
        if rows > limits.STORE_MAXIMUM_INDEX_ROWS:
            raise TooManyIndexRows(f"an entity has {rows} rows in the index {self}")
        return [b"".join(parts) for parts in product(*columns)]


def ancestor_codes(path: bytes) -> Sequence[bytes]:
    """Return the first column of path's rows in an index with ancestors."""
    return [each + ordering.END for each in ordering.ancestor_paths(path)]


def _column(codes: Sequence[bytes], is_descending: bool) -> Sequence[bytes]:
    return [ordering.invert(code) for code in codes] if is_descending else codes
