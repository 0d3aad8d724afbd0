"""The two datastores of bench.store, and what is put into them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

APP = "dev~bench"


def register(side: str, directory: Path) -> Any:
    """Put a side's services behind the API proxy and return its datastore."""
    if side == "ours":
        from channelshim import appengine

        appengine.install()
    from google.appengine.api import apiproxy_stub_map

    proxy = apiproxy_stub_map.APIProxyStubMap()
    apiproxy_stub_map.apiproxy = proxy
    proxy.ndb_memcache = side != "ours"
    service = our_service(directory) if side == "ours" else sdk_stub()
    proxy.RegisterStub("datastore_v3", service)
    proxy.RegisterStub("memcache", memcache_stub())
    return service


def our_service(directory: Path) -> Any:
    """Return our datastore over a fresh store."""
    from channelshim.services.datastore_v3 import DatastoreService
    from channelshim.services.datastore_v3.values import values_of_body
    from channelshim.store.sqlite.state import SqliteStore

    return DatastoreService(SqliteStore(directory, values_of_body).entities, APP)


def sdk_stub() -> Any:
    """Return the SDK's datastore as its testbed makes it: in memory."""
    from google.appengine.api import datastore_file_stub

    return datastore_file_stub.DatastoreFileStub(
        APP, None, save_changes=False, use_atexit=False
    )


def memcache_stub() -> Any:
    """Return the SDK's memcache."""
    from google.appengine.api.memcache import memcache_stub as stub

    return stub.MemcacheServiceStub()


def fresh_request() -> None:
    """Forget what ndb has cached, as the next request does."""
    from google.appengine.ext import ndb

    ndb.tasklets._state.reset(None)
    for name in ("__CONTEXT__", "__EVENT_LOOP__", "__CALLBACK__"):
        os.environ.pop(name, None)


def load(service: Any, kind: str, count: int) -> None:
    """Put entities `value` = 0, 1, 2... by the hundred, past ndb; not measured."""
    from google.appengine.datastore import datastore_pb, datastore_stub_util

    is_sdk = isinstance(service, datastore_stub_util.BaseDatastore)
    for start in range(0, count, 100):
        request = datastore_pb.PutRequest()
        for number in range(start, min(start + 100, count)):
            fill_entity(request.entity.add(), kind, number + 1, number)
        if is_sdk:
            # Past its transactions, whose book-keeping makes 100,000 puts take minutes.
            for entity in request.entity:
                fill_group(entity)
                service._Put(datastore_stub_util.EntityRecord(entity), False)
            continue
        service.MakeSyncCall("datastore_v3", "Put", request, datastore_pb.PutResponse())


def fill_key(reference: Any, kind: str, number: int) -> None:
    """Name an entity of the benchmark's app."""
    reference.app = APP
    element = reference.path.element.add()
    element.type, element.id = kind, number


def fill_entity(entity: Any, kind: str, id: int, value: int) -> None:
    """Fill an entity with one indexed number."""
    fill_key(entity.key, kind, id)
    entity.entity_group.SetInParent()
    prop = entity.property.add()
    prop.name, prop.multiple, prop.value.int64Value = "value", False, value


def fill_group(entity: Any) -> None:
    """Name the entity's group, which a put through the service does itself."""
    entity.entity_group.element.add().CopyFrom(entity.key.path.element[0])
