"""Calls of the datastore's service as ndb makes them, without ndb."""

from __future__ import annotations

from typing import Any

from google.appengine.datastore import datastore_pb

from bench.store_sides import APP, fill_entity, fill_key

_ENTITIES = 5000
"""How many there are at most; puts beyond replace."""


class Calls:
    """Makes calls of a datastore.

    Args:
        service: a stub of the API proxy.
    """

    def __init__(self, service: Any) -> None:
        self._service = service

    def put(self, number: int, transaction: Any = None) -> None:
        """Put an entity, in a transaction if one is given."""
        request = datastore_pb.PutRequest()
        if transaction is not None:
            request.transaction.CopyFrom(transaction)
        fill_entity(request.entity.add(), "Thing", number % _ENTITIES + 1, number)
        self._call("Put", request, datastore_pb.PutResponse())

    def get(self, number: int) -> None:
        """Get an entity."""
        request = datastore_pb.GetRequest()
        fill_key(request.key.add(), "Thing", number % _ENTITIES + 1)
        self._call("Get", request, datastore_pb.GetResponse())

    def delete(self, number: int) -> None:
        """Delete an entity."""
        request = datastore_pb.DeleteRequest()
        fill_key(request.key.add(), "Thing", number % _ENTITIES + 1)
        self._call("Delete", request, datastore_pb.DeleteResponse())

    def find(self, number: int) -> None:
        """Ask for the first of many and leave the rest, as a loop that stops does."""
        query = datastore_pb.Query()
        query.app, query.kind, query.count = APP, "Thing", 1
        condition = query.filter.add()
        condition.op = datastore_pb.Query.Filter.GREATER_THAN
        prop = condition.property.add()
        prop.name, prop.multiple, prop.value.int64Value = "value", False, number - 9000
        self._call("RunQuery", query, datastore_pb.QueryResult())

    def transact(self, number: int) -> None:
        """Put in a transaction; abandon every third."""
        begin = datastore_pb.BeginTransactionRequest()
        begin.app = APP
        transaction = self._call("BeginTransaction", begin, datastore_pb.Transaction())
        self.put(number, transaction)
        if number % 3:
            self._call("Commit", transaction, datastore_pb.CommitResponse())

    def _call(self, name: str, request: Any, response: Any) -> Any:
        self._service.MakeSyncCall("datastore_v3", name, request, response)
        return response
