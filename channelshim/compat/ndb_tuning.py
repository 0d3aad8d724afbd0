"""What makes ndb faster here, never stale, and whole.

Measured in bench/NOTES.md. Each function takes the freshly imported
module.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from channelshim.compat.import_hooks import put_off
from channelshim.compat.legacy_text import without_messages

_logger: Final = logging.getLogger("channelshim.compat")


def put_off_indexes(datastore: ModuleType) -> None:
    """Import what reads index.yaml when a query first asks for it.

    ndb and db need it only for the sentence of an error, and with it come app.yaml's
    grammar and another YAML library: a twentieth of a small app's start, and 3 MB.
    """
    put_off(datastore, "datastore_index")


def put_off_pure_python(internal: ModuleType) -> None:
    """Import protobuf's messages in Python, and its text format, when they are used.

    Where the messages are those in C, as with every wheel of today, nobody uses them:
    a fiftieth of a small app's start, and 1 MB.
    """
    put_off(internal, "python_message")


def stop_walking_stacks(utils: ModuleType) -> None:
    """Have futures keep no text of the stack."""
    # Each future keeps a text of the stack for debug logs that nobody asked for.
    utils.DEBUG = False  # type: ignore[attr-defined]


def iterate_by_batches(query: ModuleType) -> None:
    """Iterate over results by batches, without a future for each entity."""
    from channelshim.compat.ndb_iterator import BatchIterator

    query.QueryIterator = BatchIterator  # type: ignore[attr-defined]


def make_entities_at_once(model: ModuleType) -> None:
    """Have entities that are read made without the checks of what a caller says.

    The constructors of Key and Model take ten kinds of arguments, and a third of the
    time in which ndb makes an entity goes into finding out which. So an entity is made
    here without them, and ndb fills it in. A class that has any part in its own making
    is left to make it: PolyModel chooses another one, an Expando sets attributes.

    Explored by tests/compat/test_ndb_reading.py, against the SDK's own way.
    """
    key_of = _key_maker(model.Key)
    if key_of is None:
        return
    plain: Any = model.Model
    plain_steps = _steps_of_making(plain)
    # pb_to_entity is given the SDK's own messages: see patches.py.
    fill_in = without_messages(plain._from_pb.__func__)
    adapter_class: Any = model.ModelAdapter

    @functools.wraps(adapter_class.pb_to_entity)
    def pb_to_entity(adapter: Any, pb: Any) -> Any:
        key = kind = None
        if pb.key.path.element:
            key = key_of(pb.key)
            kind = key.kind()
        made = plain._lookup_model(kind, adapter.default_model)
        if _steps_of_making(made) == plain_steps:
            # What the constructor does without arguments, and nothing else.
            empty = made.__new__(made)
            empty._values = {}
            entity = fill_in(made, pb, key=key, set_key=False, ent=empty)
        else:
            entity = made._from_pb(pb, key=key, set_key=False, ent=None)
        if adapter.want_pbs:
            entity._orig_pb = pb
        return entity

    adapter_class.pb_to_entity = pb_to_entity


def _steps_of_making(entity: Any) -> tuple[Any, ...]:
    """Return what runs when an entity of a class is read, before it is filled in.

    Looked up each time: a test may replace any of it for a while.
    """
    return (
        type(entity).__call__,
        entity.__new__,
        entity.__init__,
        entity._set_attributes,
        entity.__getattribute__,
        # A class method is another object each time; one of another kind has none.
        getattr(entity._from_pb, "__func__", None),
        getattr(entity._Model__get_arg, "__func__", None),
    )


def _key_maker(key_class: Any) -> Callable[[Any], Any] | None:
    """Return what makes a key of a reference; None for a Key that is not as known."""
    names = ("_Key__reference", "_Key__pairs", "_Key__app", "_Key__namespace")
    if set(key_class.__slots__) != {name.removeprefix("_Key") for name in names}:
        return None
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

    return key_of


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
    """Take transaction(read_only=True)."""
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
    context_class: Any = context.Context
    usual_get = context_class._get_tasklet

    def uses_memcache() -> bool:
        return bool(getattr(apiproxy_stub_map.apiproxy, "ndb_memcache", True))

    def choice(self: Any, key: Any, call_options: Any) -> bool | None:
        chosen = options.use_memcache(call_options)
        if chosen is None:
            chosen = self._memcache_policy(key)
        if chosen is None:
            chosen = options.use_memcache(self._conn.config)
        return None if chosen is None else bool(chosen)

    def use_memcache(self: Any, key: Any, call_options: Any = None) -> bool:
        wanted = choice(self, key, call_options)
        return uses_memcache() if wanted is None else wanted

    def get_tasklet(self: Any, todo: Any, call_options: Any) -> Any:
        if not uses_memcache() and not isinstance(
            self._conn, datastore_rpc.TransactionalConnection
        ):
            for future, key in todo:
                if choice(self, key, call_options) is None:
                    future.add_immediate_callback(complete, future)
        return usual_get(self, todo, call_options)

    def complete(future: Any) -> None:
        entity = None if future.get_exception() else future.get_result()
        if entity is not None:
            try:
                _fill_in(entity, model.StructuredProperty)
            except Exception:
                # A property of the app's that takes no default: the entity is whole
                # without it, and was read with others.
                _logger.debug("%s lacks a value", entity.key, exc_info=True)

    from google.appengine.datastore import datastore_rpc
    from google.appengine.ext.ndb import model

    context_class._use_memcache = use_memcache
    context_class._get_tasklet = get_tasklet


def _fill_in(entity: Any, structured: Any) -> None:
    """Give an entity the values that it has by default: [] or the property's.

    They show in its repr. ndb did so as it wrote what it had read to memcache.
    """
    for prop in entity._properties.values():
        if isinstance(prop, structured):
            for part in prop._get_base_value_unwrapped_as_list(entity):
                if part is not None:
                    _fill_in(part, structured)
        elif not prop._has_value(entity):
            prop._get_base_value(entity)
