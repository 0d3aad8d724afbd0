"""Entities: their keys, what is written, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from channelshim.contracts import ordering
from channelshim.contracts.index_definitions import IndexDefinition, Values
from channelshim.errors import StorageError

Group = tuple[str, bytes]
"""Namespace and root path of an entity group."""


class EntityKey(NamedTuple):
    """Where an entity stands; the kind is the last of its path."""

    namespace: str
    kind: str
    path: bytes

    @property
    def group(self) -> Group:
        """The entity group."""
        return self.namespace, ordering.root_path(self.path)


@dataclass(frozen=True, slots=True)
class Write:
    """One entity to put or delete.

    Attributes:
        key: whose.
        body: its bytes; None deletes it.
        values: codes of its indexed properties.
        is_insert: fail when the key is taken.
    """

    key: EntityKey
    body: bytes | None = None
    values: Values | None = None
    is_insert: bool = False


class Conflict(StorageError):
    """An entity group changed since it was read; nothing was written."""


class KeyTaken(StorageError):
    """An insert met an entity; nothing was written."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index of one kind.

    Attributes:
        id: its number in the store.
        definition: what it is made of.
        is_repeated: whether any entity ever had more than one row in it.
        is_ready: whether all entities are in it; writers keep it up before that.
    """

    id: int
    definition: IndexDefinition
    is_repeated: bool = False
    is_ready: bool = True
