"""Datastore transactions: one snapshot to read, one commit to write, checked between.

A transaction notes the version of each entity group that it reads. The
store compares them in the commit; one that moved refuses it all.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from google.appengine.datastore import datastore_pb, datastore_stub_util

from channelshim import limits
from channelshim.contracts.entities import (
    Applied,
    Entities,
    EntityKey,
    Group,
    Snapshot,
    Write,
)
from channelshim.contracts.tasks import NewTask

MAXIMUM_TRANSACTIONS: Final = 1000
"""Open transactions in one process; the oldest are ended."""

_READ_ONLY = datastore_pb.BeginTransactionRequest.READ_ONLY

MAXIMUM_GROUPS: Final = 25
"""Entity groups in one transaction (SDK, datastore_stub_util, _MAX_EG_PER_TXN)."""

MAXIMUM_ACTIONS: Final = 5
"""Tasks in one transaction (SDK, datastore_stub_util, _MAX_ACTIONS_PER_TXN)."""

check: Any = datastore_stub_util.Check


class Transaction:
    """One transaction between its begin and its end.

    Args:
        entities: where it reads and writes.
        app: the app's id.
        handle: its number.
        allow_multiple_groups: whether it may touch more than one entity group.
        mode: of BeginTransactionRequest.
    """

    def __init__(
        self,
        entities: Entities,
        app: str,
        handle: int,
        *,
        allow_multiple_groups: bool,
        mode: int,
    ) -> None:
        self.app = app
        self.handle = handle
        self.allow_multiple_groups = allow_multiple_groups
        self.is_open: bool = True
        self.began_at: float = time.monotonic()
        self.actions: list[Any] = []
        self.writes: dict[EntityKey, Write] = {}
        self.lock: threading.RLock = threading.RLock()
        self._entities = entities
        self._is_read_only = mode == _READ_ONLY
        self._groups: set[Group] = set()
        self._versions: dict[Group, int] = {}
        self._snapshot: Snapshot | None = None

    def touch(self, group: Group, app: str) -> None:
        """Count a group in; refuses one too many, and another app's."""
        if group in self._groups:
            return
        check(
            self.app == app,
            f"Transactions cannot span applications (expected {self.app}, got {app})",
        )
        if self.allow_multiple_groups:
            check(
                len(self._groups) < MAXIMUM_GROUPS,
                "operating on too many entity groups in a single transaction.",
            )
        else:
            check(
                not self._groups,
                "cross-groups transaction need to be explicitly specified (xg=True)",
            )
        self._groups.add(group)

    @contextmanager
    def read(self, group: Group | None = None) -> Iterator[Snapshot]:
        """Give what the transaction sees, and watch the group from now on."""
        with self.lock:
            check(self.is_open, "transaction closed")
            if self._snapshot is None:
                self._snapshot = self._entities.open()
            if group is not None and group not in self._versions:
                self._catch_up()
                self._versions[group] = self._snapshot.group_version(group)
            yield self._snapshot

    def write(self, write: Write, app: str) -> None:
        """Keep a write for the commit; the last one of a key counts.

        Args:
            app: whose entity it is.
        """
        with self.lock:
            check(self.is_open, "transaction closed")
            check(
                not self._is_read_only,
                "Cannot modify entities in a read-only transaction.",
            )
            self.touch(write.key.group, app)
            self.writes[write.key] = write

    def add_actions(self, actions: Sequence[Any]) -> None:
        """Keep tasks for after the commit."""
        with self.lock:
            check(self.is_open, "transaction closed")
            check(
                len(self.actions) + len(actions) <= MAXIMUM_ACTIONS,
                f"Too many messages, maximum allowed {MAXIMUM_ACTIONS}",
            )
            check(
                not self._is_read_only,
                "Cannot add actions in a read-only transaction.",
            )
            self.actions.extend(actions)

    def commit(self, tasks: Sequence[NewTask] = ()) -> Applied:
        """Write everything, or raise and have written nothing.

        Args:
            tasks: added in the same commit.

        Returns:
            The new version of each of `writes`, and what became of each task.
        """
        with self.lock:
            check(self.is_open, "transaction closed")
            self.close()
            if not self.writes and not self.actions:
                return Applied((), ())
            return self._entities.apply(self.writes.values(), self._versions, tasks)

    def close(self) -> None:
        """End it and forget its snapshot. Idempotent."""
        with self.lock:
            self.is_open = False
            snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None:
            snapshot.close()

    def _catch_up(self) -> None:
        """Move to a newer snapshot if all that was read is still so.

        Else a group that is read late would seem changed although it was not.
        """
        older = self._snapshot
        if not self._versions or older is None:
            return
        newer = self._entities.open()
        if all(
            newer.group_version(group) == version
            for group, version in self._versions.items()
        ):
            newer, self._snapshot = older, newer
        newer.close()


class Transactions:
    """The open transactions of this process.

    Args:
        entities: where they read and write.
        monotonic: seconds, to end those that nobody ends.
    """

    def __init__(
        self,
        entities: Entities,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._entities = entities
        self._monotonic = monotonic
        self._open: OrderedDict[int, Transaction] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, request: Any) -> Transaction:
        """Open what a BeginTransactionRequest asks for."""
        is_retry = request.HasField("previous_transaction")
        check(
            not is_retry
            or request.mode == datastore_pb.BeginTransactionRequest.READ_WRITE,
            "previous_transaction can only be set in READ_WRITE mode",
        )
        if is_retry:
            self._give_up_previous(request)
        transaction = Transaction(
            self._entities,
            request.app,
            # Below 2^63, and never that of a transaction before a restart.
            secrets.randbits(62) + 1,
            allow_multiple_groups=request.allow_multiple_eg,
            mode=request.mode,
        )
        transaction.began_at = self._monotonic()
        with self._lock:
            self._open[transaction.handle] = transaction
        self._expire()
        return transaction

    def find(self, message: Any) -> Transaction:
        """Return the transaction that a datastore_pb.Transaction names."""
        transaction = self._open.get(message.handle)
        check(
            transaction is not None and transaction.app == message.app,
            f"Transaction(<handle: {message.handle}>) not found",
        )
        assert transaction is not None
        return transaction

    def end(self, transaction: Transaction) -> None:
        """Forget a transaction. Idempotent."""
        with self._lock:
            self._open.pop(transaction.handle, None)
        transaction.close()

    def clear(self) -> None:
        """End all."""
        for transaction in list(self._open.values()):
            self.end(transaction)

    def _give_up_previous(self, request: Any) -> None:
        previous = self._open.get(request.previous_transaction.handle)
        if previous is not None and previous.app == request.app:
            check(
                previous.allow_multiple_groups == request.allow_multiple_eg,
                "Transaction should have same options as previous_transaction",
            )
            self.end(previous)

    def _expire(self) -> None:
        oldest = self._monotonic() - limits.TRANSACTION_SECONDS
        while self._open:
            first = next(iter(self._open.values()), None)
            is_too_many = len(self._open) > MAXIMUM_TRANSACTIONS
            if first is None or (first.began_at >= oldest and not is_too_many):
                return
            self.end(first)
