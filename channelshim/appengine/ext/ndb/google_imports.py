"""google.appengine.ext.ndb.google_imports: names of the SDK that ndb once collected."""

from __future__ import annotations

import importlib
from typing import Any, Final

_PLACES: Final = {
    "ProtocolBuffer": "google.net.proto.ProtocolBuffer",
    "apiproxy_errors": "google.appengine.runtime.apiproxy_errors",
    "datastore_index": "google.appengine.datastore.datastore_index",
    "datastore_pbs": "google.appengine.datastore.datastore_pbs",
    "datastore_query": "google.appengine.datastore.datastore_query",
    "datastore_rpc": "google.appengine.datastore.datastore_rpc",
    "datastore_stub_util": "google.appengine.datastore.datastore_stub_util",
    "datastore_v3_pb": "google.appengine.datastore.datastore_pb",
    "entity_pb": "google.appengine.datastore.entity_pb",
    "gql": "google.appengine.ext.gql",
}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    # Everything else that stood here is a service's client.
    place = _PLACES.get(name, f"google.appengine.api.{name}")
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name != place:
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
