"""What makes ndb faster here, never stale, and whole.

Measured in docs/explanation/performance.md. Each function takes the freshly imported
module.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any


def stop_walking_stacks(utils: ModuleType) -> None:
    # Each future keeps a text of the stack for debug logs that nobody asked for.
    utils.DEBUG = False  # type: ignore[attr-defined]


def iterate_by_batches(query: ModuleType) -> None:
    from channelshim.compat.ndb_iterator import BatchIterator

    query.QueryIterator = BatchIterator  # type: ignore[attr-defined]


def make_entities_at_once(model: ModuleType) -> None:
    """Have entities that are read made without the checks of what a caller says.

    The constructors of Key and Model take ten kinds of arguments, and a third of the
    time in which ndb makes an entity goes into finding out which.
    """
    key_class: Any = model.Key
    names = ("_Key__reference", "_Key__pairs", "_Key__app", "_Key__namespace")
    if set(key_class.__slots__) != {name.removeprefix("_Key") for name in names}:
        return
    put_reference, put_pairs, put_app, put_namespace = (
        getattr(key_class, name).__set__ for name in names
    )

    def key_of(reference: Any) -> Any:
        own = type(reference)()
        own.CopyFrom(reference)
        pairs = [
            (_binary(part.type), (part.id if part.HasField("id") else part.name))
            for part in own.path.element
        ]
        key = object.__new__(key_class)
        put_reference(key, own)
        put_pairs(key, tuple((kind, _binary(id_) or None) for kind, id_ in pairs))
        put_app(key, _binary(own.app))
        put_namespace(key, _binary(own.name_space))
        return key

    plain: Any = model.Model
    plain_parts = (plain.__init__, plain.__new__, plain._set_attributes)

    def pb_to_entity(adapter: Any, pb: Any) -> Any:
        key = kind = None
        if pb.key.path.element:
            key = key_of(pb.key)
            kind = key.kind()
        made = plain._lookup_model(kind, adapter.default_model)
        empty = None
        if (made.__init__, made.__new__, made._set_attributes) == plain_parts:
            # What the constructor does without arguments, and nothing else.
            empty = made.__new__(made)
            empty._values = {}
        entity = made._from_pb(pb, key=key, set_key=False, ent=empty)
        if adapter.want_pbs:
            entity._orig_pb = pb
        return entity

    adapter_class: Any = model.ModelAdapter
    adapter_class.pb_to_entity = pb_to_entity


def read_text_as_text(model: ModuleType) -> None:
    """Have an Expando's text come back as text; the SDK leaves ASCII as bytes.

    In Python 2.7 the two were one type.
    """
    generic: Any = model.GenericProperty
    meanings: Any = model.entity_pb2.Property
    plain_value = generic._db_get_value
    kept = (meanings.BLOB, meanings.BYTESTRING)

    def db_get_value(self: Any, v: Any, p: Any) -> Any:
        value = plain_value(self, v, p)
        if type(value) is bytes and p.meaning not in kept and value.isascii():
            return value.decode("ascii")
        return value

    generic._db_get_value = db_get_value


def _binary(value: Any) -> Any:
    return value.encode("utf-8") if isinstance(value, str) else value


def accept_read_only(context: ModuleType) -> None:
    # ndb documents and reads transaction(read_only=True), but its list of options lacks
    # the word, so that the call raised TypeError. Goes when the SDK has it.
    from google.appengine.datastore import datastore_rpc

    accepting: Any = context.TransactionOptions
    if "read_only" in accepting._options:
        return

    def read_only(value: Any) -> bool:
        return bool(value)

    option = datastore_rpc.ConfigOption(read_only)
    option._cls = accepting
    accepting._options["read_only"] = option
    accepting.read_only = option


def follow_memcache_policy(context: ModuleType) -> None:
    """Let the server's setting decide where app, model and call leave memcache open.

    One store is asked otherwise: faster here, and right between processes. A proxy
    that is not a server's, such as a testbed's, keeps the SDK's default.
    """
    from google.appengine.api import apiproxy_stub_map

    options: Any = context.ContextOptions

    def use_memcache(self: Any, key: Any, call_options: Any = None) -> bool:
        wanted = options.use_memcache(call_options)
        if wanted is None:
            wanted = self._memcache_policy(key)
        if wanted is None:
            wanted = options.use_memcache(self._conn.config)
        if wanted is None:
            wanted = getattr(apiproxy_stub_map.apiproxy, "ndb_memcache", True)
        return bool(wanted)

    context.Context._use_memcache = use_memcache
