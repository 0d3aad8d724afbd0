"""Protocol buffers by the accessors of App Engine's first SDK.

`pb.name()`, `pb.set_name(x)`, `pb.has_name()`, `pb.name_size()`, `pb.add_name()`,
`pb.mutable_name()`, `pb.Encode()`: an app, or its suite, that imports `entity_pb` and
its like gets classes that speak so. Below each object is the SDK's own message, which
is what the SDK is given: see `unwrapped`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, ClassVar, Final

from google.protobuf.message import Message

from channelshim.compat.legacy_str import as_bytes, in_legacy_str

_TEXT: Final = 9
_BYTES: Final = 12
_MESSAGES: Final = frozenset({10, 11})
_FLOATS: Final = frozenset({1, 2})
_BOOL: Final = 8
"""google.protobuf.descriptor.FieldDescriptor.TYPE_*: they are of the wire format."""


class _Kind(type):
    """The type of a class of messages; knows the SDK's messages as its objects."""

    _message_kind: Any

    def __instancecheck__(cls, value: Any) -> bool:
        if type.__instancecheck__(cls, value):
            return True
        return cls is not LegacyMessage and type(value) is cls._message_kind


class LegacyMessage(metaclass=_Kind):
    """A message of the SDK, read and written as its first version did.

    Args:
        contents: an encoded message to begin with.
    """

    __slots__ = ("_message",)
    _message_kind: Any = None

    def __init__(self, contents: Any = None) -> None:
        self._message = self._message_kind()
        if contents is not None:
            self.MergeFromString(contents)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """The SDK's class, for `isinstance(request, datastore_pb.Query)`."""
        return self._message_kind

    def __getattr__(self, name: str) -> Any:
        accessor = _accessor(type(self), name)
        if accessor is None:
            raise AttributeError(
                f"'{type(self).__name__}' object has no attribute '{name}'"
            )
        return functools.partial(accessor, self._message)

    def __eq__(self, other: object) -> bool:
        return bool(self._message == unwrapped(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return str(self._message)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._message!s}>"

    def __reduce__(self) -> Any:
        return _restored, (self._message, self._message.SerializePartialToString())

    def __deepcopy__(self, memo: Any) -> Any:
        return _restored(self._message, self._message.SerializePartialToString())

    def Encode(self) -> Any:
        """Return the message in its wire format.

        Raises:
            google.protobuf.message.EncodeError: a required field has no value.
        """
        return in_legacy_str(self._message.SerializeToString())

    SerializeToString = Encode

    def SerializePartialToString(self) -> Any:
        """Return the message in its wire format, required fields or not."""
        return in_legacy_str(self._message.SerializePartialToString())

    EncodePartial = SerializePartialToString

    def ParseFromString(self, contents: Any) -> None:
        """Read a whole message."""
        self._message.ParseFromString(bytes(as_bytes(contents)))

    ParsePartialFromString = ParseFromString

    def MergeFromString(self, contents: Any) -> None:
        """Read a message into this one."""
        self._message.MergeFromString(bytes(as_bytes(contents)))

    MergePartialFromString = MergeFromString

    def CopyFrom(self, other: Any) -> None:
        """Become a copy of another message."""
        self._message.CopyFrom(unwrapped(other))

    def MergeFrom(self, other: Any) -> None:
        """Take the fields that another message has."""
        self._message.MergeFrom(unwrapped(other))

    def Clear(self) -> None:
        """Forget all fields."""
        self._message.Clear()

    def Equals(self, other: Any) -> int:
        """Tell whether another message is the same, as 1 or 0."""
        return int(self == other)

    def IsInitialized(self, errors: list[Any] | None = None) -> int:
        """Tell whether each required field has a value, as 1 or 0."""
        missing = self._message.FindInitializationErrors()
        if errors is not None:
            errors.extend(missing)
        return int(not missing)

    def ByteSize(self) -> int:
        """Return the length of what Encode returns."""
        return int(self._message.ByteSize())


def wrapped(value: Any) -> Any:
    """Return a message of the SDK as an app reads it; anything else as it is."""
    if not isinstance(value, Message):
        return value
    made: Any = object.__new__(legacy_kind(type(value)))
    made._message = value
    return made


def unwrapped(value: Any) -> Any:
    """Return the SDK's message below an app's; anything else as it is."""
    # Not by isinstance, which knows the SDK's own messages, too.
    return value._message if issubclass(type(value), LegacyMessage) else value


def _restored(sample: Any, contents: bytes) -> Any:
    made = legacy_kind(type(sample))()
    made._message.MergeFromString(contents)
    return made


_kinds: dict[Any, Any] = {}


def legacy_kind(message_kind: Any) -> Any:
    """Return the class by which apps read a class of the SDK's messages."""
    made = _kinds.get(message_kind)
    if made is None:
        descriptor = message_kind.DESCRIPTOR
        members: dict[str, Any] = {"__slots__": (), "_message_kind": message_kind}
        for enum in descriptor.enum_types:
            members.update(_enum_members(enum))
        made = _kinds[message_kind] = _Kind(descriptor.name, (LegacyMessage,), members)
    return made


def _enum_members(enum: Any) -> dict[str, Any]:
    """Return an enumeration's numbers by name, and what tells a number's name."""
    names: dict[int, str] = {value.number: value.name for value in enum.values}

    def name_of(number: int) -> str:
        return names.get(number, "")

    members: dict[str, Any] = {value.name: value.number for value in enum.values}
    members[f"{enum.name}_Name"] = staticmethod(name_of)
    return members


def fill_module(module: ModuleType, of_today: Any) -> None:
    """Give a module the classes for the messages of one of today.

    Args:
        module: `entity_pb`, for example; what it has already stays.
        of_today: the SDK's module of the same messages.
    """
    names = module.__dict__
    for enum in of_today.DESCRIPTOR.enum_types_by_name.values():
        for name, value in _enum_members(enum).items():
            names.setdefault(name, value)
    for name, descriptor in of_today.DESCRIPTOR.message_types_by_name.items():
        for path, kind in _nested(name, getattr(of_today, name), descriptor):
            names.setdefault(path, legacy_kind(kind))


def _nested(path: str, kind: Any, descriptor: Any) -> Iterator[tuple[str, Any]]:
    yield path, kind
    for name, inner in descriptor.nested_types_by_name.items():
        yield from _nested(f"{path}_{name}", getattr(kind, name), inner)


# --- accessors

_Accessor = Callable[..., Any]


@functools.lru_cache(maxsize=4096)
def _accessor(kind: Any, name: str) -> _Accessor | None:
    """Return what an accessor's name does to a message."""
    fields = {
        field.name.lower(): field for field in kind._message_kind.DESCRIPTOR.fields
    }
    if name in fields:
        return _reader(fields[name])
    verb, _, rest = name.partition("_")
    if rest in fields and verb in _VERBS:
        return _VERBS[verb](fields[rest])
    rest, _, noun = name.rpartition("_")
    if rest in fields and noun in _NOUNS:
        return _NOUNS[noun](fields[rest])
    return None


def _is_repeated(field: Any) -> bool:
    repeated = getattr(field, "is_repeated", None)
    return bool(field.label == 3 if repeated is None else repeated)


def _reader(field: Any) -> _Accessor:
    name = field.name
    if _is_repeated(field):
        return lambda message, place: _out(getattr(message, name)[place])
    return lambda message: _out(getattr(message, name))


def _out(value: Any) -> Any:
    return wrapped(value) if isinstance(value, Message) else in_legacy_str(value)


def _into(field: Any, value: Any) -> Any:
    """Return an app's value as a field's type wants it."""
    if field.type == _BYTES:
        return bytes(as_bytes(value))
    if field.type == _TEXT:
        return value.decode("utf-8") if isinstance(value, bytes) else value
    if field.type == _BOOL:
        return bool(value)
    return float(value) if field.type in _FLOATS else int(value)


def _has(field: Any) -> _Accessor:
    return lambda message: int(message.HasField(field.name))


def _clear(field: Any) -> _Accessor:
    return lambda message: message.ClearField(field.name)


def _set(field: Any) -> _Accessor:
    if _is_repeated(field):

        def set_item(message: Any, place: int, value: Any) -> None:
            getattr(message, field.name)[place] = _into(field, value)

        return set_item
    return lambda message, value: setattr(message, field.name, _into(field, value))


def _mutable(field: Any) -> _Accessor:
    if _is_repeated(field):
        return _reader(field)

    def mutable(message: Any) -> Any:
        part = getattr(message, field.name)
        part.SetInParent()
        return wrapped(part)

    return mutable


def _add(field: Any) -> _Accessor:
    if field.type in _MESSAGES:
        return lambda message: wrapped(getattr(message, field.name).add())
    return lambda message, value: getattr(message, field.name).append(
        _into(field, value)
    )


def _list(field: Any) -> _Accessor:
    return lambda message: [_out(value) for value in getattr(message, field.name)]


def _size(field: Any) -> _Accessor:
    return lambda message: len(getattr(message, field.name))


_VERBS: Final[dict[str, Callable[[Any], _Accessor]]] = {
    "has": _has,
    "set": _set,
    "add": _add,
    "clear": _clear,
    "mutable": _mutable,
}
_NOUNS: Final[dict[str, Callable[[Any], _Accessor]]] = {"list": _list, "size": _size}
