"""An app's data as a whole: read as of one moment, emptied, and filled by an import."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from channelshim.contracts.entities import Snapshot
from channelshim.contracts.tasks import PullTask, Task

if TYPE_CHECKING:
    from channelshim.contracts.store import Account, Password


class DataSnapshot(Protocol):
    """All data of an app as of one moment. One thread.

    Rows are read as they are asked for, so that memory stays bounded. Every method
    raises StorageError when the store refuses, or holds what cannot be read.
    """

    @property
    def entities(self) -> Snapshot:
        """The entities."""

    def counters(self) -> Mapping[str, int]:
        """Return the next number of each id counter."""

    def tasks(self) -> Iterator[Task]:
        """Yield the tasks of push queues; those in hand too."""

    def pull_tasks(self) -> Iterator[PullTask]:
        """Yield the tasks of pull queues; leased ones too."""

    def paused(self) -> Collection[str]:
        """Return the names of the queues that were paused."""

    def accounts(self) -> Sequence[Account]:
        """Return who has logged in."""

    def passwords(self) -> Sequence[Password]:
        """Return who may log in by a password."""

    def blobs(self) -> Iterator[tuple[str, int]]:
        """Yield key and size of each blob; none where they are files."""

    def blob_pieces(self, key: str) -> Iterator[bytes]:
        """Yield a blob's bytes, piece by piece."""


class StoreData(Protocol):
    """What moves all data of a store. Any thread.

    Raises StorageError, and has changed nothing, when the store refuses.
    """

    def read(self) -> AbstractContextManager[DataSnapshot]:
        """Give all data as of this moment; others may write meanwhile."""

    def is_empty(self) -> bool:
        """Return whether there is no entity, no task and no password."""

    def clear(self) -> None:
        """Delete all that an import brings.

        Secrets, id counters, memcache, search documents and mails stay; so do blobs
        that are files.
        """
