"""Google's entities as the store takes them: checked, and of this app.

Source: SDK, datastore/datastore_stub_util.py, CheckEntity and IdToCounter.
"""

from __future__ import annotations

from typing import Any, Final

from google.appengine.api import datastore_errors
from google.appengine.datastore import datastore_stub_util
from google.appengine.datastore import entity_bytes_pb2 as entity_pb2
from google.appengine.runtime import apiproxy_errors
from google.protobuf.message import DecodeError

from channelshim import limits
from channelshim.contracts.entities import Write
from channelshim.data.records import BadRecord, Counter
from channelshim.services.datastore_v3 import values
from channelshim.services.datastore_v3.ids import SCATTERED, SEQUENTIAL

_NOT_STORED: Final = frozenset({"__metadata__", "__scatter__"})
"""Properties that the old server's files and exports have beside the app's own."""

_COUNTER_BOUNDS: Final = {SEQUENTIAL: 1 << 51, SCATTERED: 1 << 50}
"""Half of what each counter can give. An id of the other half, which somebody has made
up or production has scattered, does not raise it: a new id is never one that is taken,
and the counter must have an end that nobody reaches."""

_DEEPEST: Final = 20
"""Entities within entities whose keys are renamed; each is bytes in its outer one."""

_REFUSALS: Final = (
    apiproxy_errors.ApplicationError,
    datastore_errors.Error,
    AttributeError,
    TypeError,
    ValueError,
)
"""What the SDK raises for an entity that cannot be: text that is no UTF-8, for one."""


class EntityReader:
    """Turns EntityProtos into writes for the store of one app.

    Args:
        application: the app that gets them, "dev~myapp".
        source: whose are taken, others being left out; "" for those of the first one,
            others being refused.

    Attributes:
        choice: whose entities were asked for, as in `source`.
        counters: of each name of a counter the highest number that ids have.
        left_out: how many entities were another app's.
    """

    def __init__(self, application: str, source: str = "") -> None:
        self._application = application
        self._source = source
        self._is_chosen = bool(source)
        self.choice: str = source
        self.counters: dict[str, int] = {}
        self.left_out: int = 0

    def write_of(self, body: bytes) -> Write | None:
        """Return how to put an entity; None for one of an app that is left out.

        Raises:
            BadRecord: it is no entity, none that can be stored, or another app's.
        """
        entity = _parse(body)
        if not self._is_ours(entity.key.app):
            self.left_out += 1
            return None
        is_changed = _clean(entity)
        # Before the time that it takes to look for equal ones among them.
        if len(entity.property) > limits.STORE_MAXIMUM_INDEX_ROWS:
            raise BadRecord("the entity has too many indexed values")
        try:
            datastore_stub_util.CheckEntity(True, entity.key.app, entity)
            _check_key(entity.key)
            is_changed |= self._rename(entity)
            key, codes = values.key_of(entity.key), values.values_of(entity)
            names: tuple[object, ...] = (key.namespace, key.kind, *codes)
            for text in names:
                # What is no UTF-8 stands there as bytes.
                if not isinstance(text, str):
                    raise ValueError("a name in it is not UTF-8")
                text.encode()
            self._note_ids(entity.key.path.element)
        except _REFUSALS as error:
            reason = getattr(error, "error_detail", "") or error
            raise BadRecord(f"the entity cannot be stored: {reason}") from None
        if is_changed:
            body = entity.SerializeToString()
        return Write(key, body, codes)

    def note(self, counter: Counter) -> None:
        """Take a counter of the source into account.

        Raises:
            BadRecord: there is no such counter.
        """
        if counter.name not in _COUNTER_BOUNDS:
            raise BadRecord(f"there is no counter {counter.name!r}")
        self._raise(counter.name, counter.next - 1)

    def _is_ours(self, application: object) -> bool:
        """Return whether the entities of an app are taken."""
        if not isinstance(application, str) or not application:
            raise BadRecord("the entity's key names no app")
        if not self._source:
            self._source = application
        if application != self._source and not self._is_chosen:
            raise BadRecord(
                f"the entity is of the app {application}, those before it are of "
                f"{self._source}: choose one with --from-application"
            )
        return application == self._source

    def _rename(self, entity: Any) -> bool:
        """Make keys of the source's app this one's; return whether there were any."""
        if self._source == self._application:
            return False
        self._rename_within(entity, 0)
        return True

    def _rename_within(self, entity: Any, depth: int) -> bool:
        """Rename keys of an entity and of those in it; return whether any was."""
        is_changed = bool(entity.key.app == self._source)
        if is_changed:
            entity.key.app = self._application
        for prop in (*entity.property, *entity.raw_property):
            value = prop.value
            if value.HasField("referencevalue"):
                if value.referencevalue.app == self._source:
                    value.referencevalue.app = self._application
                    is_changed = True
            elif prop.meaning == entity_pb2.Property.ENTITY_PROTO and depth < _DEEPEST:
                is_changed |= self._rename_kept(value, depth)
        return is_changed

    def _rename_kept(self, value: Any, depth: int) -> bool:
        """Do the same for an entity that is kept as bytes in another one's property."""
        inner = entity_pb2.EntityProto()
        try:
            inner.ParseFromString(value.stringValue)
        except DecodeError:
            # Whatever the app has put there stays.
            return False
        if not self._rename_within(inner, depth + 1):
            return False
        value.stringValue = inner.SerializePartialToString()
        return True

    def _note_ids(self, elements: Any) -> None:
        for element in elements:
            if element.HasField("id"):
                number, name = datastore_stub_util.IdToCounter(element.id)
                self._raise(name, number)

    def _raise(self, name: str, number: int) -> None:
        if self.counters.get(name, 0) < number < _COUNTER_BOUNDS[name]:
            self.counters[name] = number


def _parse(body: bytes) -> Any:
    try:
        entity = entity_pb2.EntityProto.FromString(body)
    except DecodeError:
        entity = None
    if entity is None or not entity.IsInitialized():
        raise BadRecord("it is not an entity")
    return entity


def _check_key(key: Any) -> None:
    """Refuse a key whose entity cannot be found again by it.

    Raises:
        BadRecord: it is not complete.
    """
    for element in key.path.element:
        if not (element.HasField("id") or element.HasField("name")):
            raise BadRecord("the entity's key is not complete")


def _clean(entity: Any) -> bool:
    """Drop what is not stored, and name the entity's group; return what has changed."""
    is_changed = False
    for properties in (entity.property, entity.raw_property):
        for place in reversed(range(len(properties))):
            if properties[place].name in _NOT_STORED:
                del properties[place]
                is_changed = True
    elements = entity.key.path.element
    group = entity.entity_group.element
    if elements and (len(group) != 1 or group[0] != elements[0]):
        entity.entity_group.ClearField("element")
        entity.entity_group.element.add().CopyFrom(elements[0])
        is_changed = True
    return is_changed
