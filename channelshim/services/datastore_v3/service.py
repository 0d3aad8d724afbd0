"""The datastore_v3 service of the API proxy, over the store.

Checks and errors are those of the SDK's stub; what is stored and found is ours.
Source: SDK, datastore/datastore_stub_util.py, BaseDatastore and DatastoreStub.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from google.appengine.api import (
    api_base_pb2,
    apiproxy_stub_map,
    datastore_types,
)
from google.appengine.api.taskqueue import taskqueue_service_bytes_pb2 as taskqueue_pb
from google.appengine.datastore import datastore_pb, datastore_stub_util
from google.appengine.datastore import entity_bytes_pb2 as entity_pb2
from google.appengine.runtime import apiproxy_errors
from google.protobuf.message import EncodeError

from channelshim.contracts.entities import (
    Conflict,
    Entities,
    EntityKey,
    KeyTaken,
    Snapshot,
    Write,
)
from channelshim.contracts.index_definitions import TooManyIndexRows
from channelshim.errors import StorageError, StoreBusy
from channelshim.services.datastore_v3 import metadata, values, wire
from channelshim.services.datastore_v3.ids import IdPolicy, IdSource
from channelshim.services.datastore_v3.index_writer import IndexWriter
from channelshim.services.datastore_v3.indexes import CompositeIndexes
from channelshim.services.datastore_v3.queries import IndexUse, RunningQueries
from channelshim.services.datastore_v3.transactions import Transaction, Transactions
from channelshim.services.stubs import EagerStub
from channelshim.services.transactional_tasks import TransactionalTasks

_logger: Final = logging.getLogger("channelshim.services")
_Error = datastore_pb.Error

check: Any = datastore_stub_util.Check


class DatastoreService(EagerStub):
    """Answers the calls that ndb and db make. Any thread.

    Args:
        entities: where they are kept.
        application_id: whose entities; other apps' are refused.
        require_indexes: refuse queries whose composite index is not in index.yaml.
        index_yaml: the app's index.yaml, read again when it changes; None or a
            missing file means that none is defined.
        writes_indexes: add to index.yaml what queries need.
        auto_id_policy: "scattered" or "sequential".
        tasks: how transactions' tasks get into their commits; None adds them by
            calls after it.
    """

    def __init__(
        self,
        entities: Entities,
        application_id: str,
        *,
        require_indexes: bool = False,
        index_yaml: Path | None = None,
        writes_indexes: bool = False,
        auto_id_policy: IdPolicy = "scattered",
        tasks: TransactionalTasks | None = None,
    ) -> None:
        super().__init__("datastore_v3")
        self._app = datastore_types.ResolveAppId(application_id)
        self.entities = entities
        self._tasks = tasks
        self._ids = IdSource(entities, auto_id_policy)
        self._transactions = Transactions(entities)
        self._indexes = CompositeIndexes(
            self._app, index_yaml, require_indexes=require_indexes
        )
        may_write = writes_indexes and index_yaml is not None and not require_indexes
        writer = IndexWriter(index_yaml) if may_write and index_yaml else None
        self._queries = RunningQueries(entities, self._indexes, writer)

    def CheckRequest(self, service: str, call: str, request: Any) -> None:
        """Refuse a request that is too long, or lacks a field.

        A cursor that somebody has made up may lack one.
        """
        try:
            super().CheckRequest(service, call, request)
        except (EncodeError, AssertionError):
            lacking: list[str] = []
            if request.IsInitialized(lacking):
                raise
            text = f"the request lacks {', '.join(lacking)}"
            code = _Error.BAD_REQUEST
            raise apiproxy_errors.ApplicationError(code, text) from None

    def translate(self, error: StorageError) -> Exception:
        """Return the SDK's error for what the store said."""
        code, text = _Error.INTERNAL_ERROR, str(error)
        if isinstance(error, Conflict):
            code, text = _Error.CONCURRENT_TRANSACTION, "Concurrency exception."
        elif isinstance(error, KeyTaken):
            code = _Error.BAD_REQUEST
            text = (
                "the id allocated for a new entity was already in use, please try again"
            )
        elif isinstance(error, TooManyIndexRows):
            code = _Error.BAD_REQUEST
        else:
            if isinstance(error, StoreBusy):
                code = _Error.TIMEOUT
            _logger.error("%s", error)
        translated: Exception = apiproxy_errors.ApplicationError(code, text)
        return translated

    def index_uses(self) -> list[IndexUse]:
        """Return which queries have read which index since the start."""
        return self._queries.uses()

    def Clear(self) -> None:
        """Delete all entities and end all transactions and queries."""
        self._transactions.clear()
        self._queries.clear()
        self.entities.clear()

    def _Dynamic_Get(self, request: Any, response: Any) -> None:
        for reference in request.key:
            datastore_stub_util.CheckReference(False, self._app, reference)
        keys = [values.key_of(reference) for reference in request.key]
        response.in_order = not request.allow_deferred
        parts = []
        if request.HasField("transaction"):
            transaction = self._find(request.transaction)
            for key, reference in zip(keys, request.key, strict=True):
                with transaction.lock:
                    transaction.touch(key.group, reference.app)
                    with transaction.read(key.group) as snapshot:
                        parts.append(_get(snapshot, key, reference))
        else:
            parts = self._get_outside(keys, request.key)
        response.MergeFromString(b"".join(parts))

    def _get_outside(
        self, keys: Sequence[EntityKey], references: Sequence[Any]
    ) -> list[bytes]:
        """Return the answers for entities that are read in no transaction."""
        if any(key.kind in metadata.PSEUDO_KINDS for key in keys):
            with self.entities.read() as snapshot:
                return [
                    _get(snapshot, key, reference)
                    for key, reference in zip(keys, references, strict=True)
                ]
        return [
            _answer(row, reference)
            for row, reference in zip(
                self.entities.get_many(keys), references, strict=True
            )
        ]

    def _Dynamic_Put(self, request: Any, response: Any) -> None:
        for entity in request.entity:
            datastore_stub_util.CheckEntity(False, self._app, entity)
        writes = [
            self._prepare(entity, response.key.add()) for entity in request.entity
        ]
        if request.HasField("transaction"):
            self._write_later(self._find(request.transaction), writes)
        else:
            response.version.extend(self.entities.apply(writes).versions)

    def _Dynamic_Delete(self, request: Any, response: Any) -> None:
        for reference in request.key:
            datastore_stub_util.CheckReference(False, self._app, reference)
        writes = [Write(values.key_of(reference)) for reference in request.key]
        if request.HasField("transaction"):
            self._write_later(self._find(request.transaction), writes)
        else:
            response.version.extend(self.entities.apply(writes).versions)

    def _Dynamic_Touch(self, request: Any, _response: Any) -> None:
        for reference in request.key:
            datastore_stub_util.CheckReference(False, self._app, reference)

    def _Dynamic_RunQuery(self, query: Any, result: Any) -> None:
        datastore_stub_util.CheckAppId(False, self._app, query.app)
        transaction = None
        if query.HasField("transaction"):
            transaction = self._find(query.transaction)
        self._queries.run(query, result, transaction)

    def _Dynamic_Next(self, request: Any, result: Any) -> None:
        datastore_stub_util.CheckAppId(False, self._app, request.cursor.app)
        self._queries.next_batch(request, result)

    def _Dynamic_BeginTransaction(self, request: Any, response: Any) -> None:
        datastore_stub_util.CheckAppId(False, self._app, request.app)
        transaction = self._transactions.begin(request)
        response.app = transaction.app
        response.handle = transaction.handle

    def _Dynamic_Commit(self, request: Any, response: Any) -> None:
        transaction = self._find(request)
        actions = transaction.actions
        tasks = self._tasks.of(actions) if self._tasks and actions else None
        try:
            applied = transaction.commit(tasks or ())
        finally:
            self._transactions.end(transaction)
        for key, version in zip(transaction.writes, applied.versions, strict=True):
            version_pb = response.version.add()
            version_pb.root_entity_key.CopyFrom(
                values.make_reference(transaction.app, key.namespace, key.path)
            )
            version_pb.version = version
        if tasks is None:
            _add_tasks(actions)
        elif self._tasks is not None:
            self._tasks.committed(tasks, applied.added)

    def _Dynamic_Rollback(self, request: Any, _response: Any) -> None:
        self._transactions.end(self._find(request))

    def _Dynamic_AddActions(self, request: Any, _response: Any) -> None:
        if not request.add_request:
            return
        transaction = request.add_request[0].transaction
        actions = []
        for add in request.add_request:
            check(
                add.transaction == transaction,
                "Cannot add requests to different transactions",
            )
            action = taskqueue_pb.TaskQueueAddRequest()
            action.CopyFrom(add)
            action.ClearField("transaction")
            actions.append(action)
        self._find(transaction).add_actions(actions)

    def _Dynamic_AllocateIds(self, request: Any, response: Any) -> None:
        if request.HasField("model_key"):
            check(
                not request.reserve,
                "Cannot allocate and reserve IDs in the same request",
            )
            datastore_stub_util.CheckAppId(False, self._app, request.model_key.app)
            first, last = self._ids.take_range(request.size, request.max)
        else:
            for reference in request.reserve:
                datastore_stub_util.CheckReference(False, self._app, reference)
            self._ids.reserve(request.reserve)
            first, last = 0, 0
        response.start, response.end = first, last

    def _Dynamic_GetIndices(self, request: Any, response: Any) -> None:
        datastore_stub_util.CheckAppId(False, self._app, request.app_id)
        response.index.extend(self._indexes.defined())

    def _find(self, message: Any) -> Transaction:
        datastore_stub_util.CheckTransaction(False, self._app, message)
        return self._transactions.find(message)

    def _prepare(self, original: Any, reference: Any) -> Write:
        entity = entity_pb2.EntityProto()
        entity.CopyFrom(original)
        for prop in (*entity.property, *entity.raw_property):
            datastore_stub_util.FillUser(prop)
        elements = entity.key.path.element
        is_insert = not (elements[-1].id or elements[-1].HasField("name"))
        if is_insert:
            self._complete(entity.key)
        entity.entity_group.ClearField("element")
        entity.entity_group.element.add().CopyFrom(elements[0])
        reference.CopyFrom(entity.key)
        key = values.key_of(entity.key)
        body = entity.SerializeToString()
        return Write(key, body, values.values_of(entity), is_insert)

    def _complete(self, reference: Any) -> None:
        """Give a key an id that no entity has, not even one that an app chose."""
        last = reference.path.element[-1]
        is_taken = True
        while is_taken:
            last.id = self._ids.take()
            (found,) = self.entities.get_many([values.key_of(reference)])
            is_taken = found is not None

    def _write_later(self, transaction: Transaction, writes: Iterable[Write]) -> None:
        for write in writes:
            transaction.write(write, self._app)


def _get(snapshot: Snapshot, key: EntityKey, reference: Any) -> bytes:
    if key.kind in metadata.PSEUDO_KINDS:
        entity = metadata.get_entity(snapshot, key, reference)
        if entity is not None:
            return wire.found_entity(0, entity.SerializeToString())
    return _answer(snapshot.get(key), reference)


def _answer(row: tuple[int, bytes] | None, reference: Any) -> bytes:
    if row is None:
        return wire.missing_entity(reference.SerializeToString())
    return wire.found_entity(*row)


def _add_tasks(actions: Iterable[Any]) -> None:
    """Add a transaction's tasks after its commit, as the SDK's stub does."""
    for action in actions:
        try:
            apiproxy_stub_map.MakeSyncCall(
                "taskqueue", "Add", action, api_base_pb2.VoidProto()
            )
        except apiproxy_errors.ApplicationError as error:
            _logger.warning("a transactional task has been dropped: %s", error)
