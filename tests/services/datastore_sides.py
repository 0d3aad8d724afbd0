"""Our datastore and the SDK's stub, to be asked the same and compared."""

from __future__ import annotations

import contextlib

from google.appengine.api import (
    apiproxy_stub_map,
    datastore,
    datastore_errors,
    datastore_file_stub,
)
from google.appengine.datastore import datastore_rpc
from google.appengine.runtime import apiproxy_errors

from channelshim.services.datastore_v3 import DatastoreService

APP = "dev~app"


class Side:
    """One datastore behind an API proxy of its own."""

    def __init__(self, service):
        self.service = service
        self.proxy = apiproxy_stub_map.APIProxyStubMap()
        self.proxy.RegisterStub("datastore_v3", service)
        self.transactions = {}

    @contextlib.contextmanager
    def active(self):
        """Make it the process's API proxy."""
        before = apiproxy_stub_map.apiproxy
        apiproxy_stub_map.apiproxy = self.proxy
        try:
            yield
        finally:
            apiproxy_stub_map.apiproxy = before

    def ask(self, question):
        """Return what question(self) returns, or the kind of its error."""
        with self.active():
            try:
                return question(self)
            except (datastore_errors.Error, apiproxy_errors.Error) as error:
                return type(error).__name__

    def connection(self, name=None):
        """Return the connection of an open transaction, or one outside any."""
        if name is None:
            return datastore_rpc.Connection(adapter=datastore.DatastoreAdapter())
        return self.transactions[name]


def ours(entities, **settings):
    """Return our service over an empty store; ids as the SDK's stub gives them."""
    service = DatastoreService(entities, APP, auto_id_policy="sequential", **settings)
    return Side(service)


def theirs():
    """Return the SDK's stub, in memory."""
    stub = datastore_file_stub.DatastoreFileStub(
        APP, None, save_changes=False, use_atexit=False
    )
    return Side(stub)


def told(entity):
    """Return an entity, key or None in a form that compares."""
    if entity is None or isinstance(entity, datastore.datastore_types.Key):
        return repr(entity)
    return repr(entity.key()), sorted(
        (name, repr(value), type(value).__name__) for name, value in entity.items()
    )
