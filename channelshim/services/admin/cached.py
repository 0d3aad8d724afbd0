"""memcache's entries to look at and to write, each with its type.

What is pickled is never read back here: a pickle runs code. It is shown as the steps
that would make it.
"""

from __future__ import annotations

import ast
import base64
import io
import pickle
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from google.appengine.api import apiproxy_stub_map, memcache
from google.appengine.api.memcache import memcache_service_pb2 as memcache_pb

from channelshim.services.admin.entities import BadEntity, refusals
from channelshim.services.admin.property_types import BadValue
from channelshim.services.admin.texts import form_text, of_bytes

LONGEST: Final = 100_000
"""Characters of a value that a form lets edit."""

MOST_STEPS: Final = 200
"""Lines of a pickle that are shown."""

_LONGEST_INTEGER: Final = 400

_PROTOCOL: Final = 2
"""Python 2's, which every app reads."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached value.

    Attributes:
        type: one of TYPES, or "pickle" or "other", which cannot be edited.
        text: what can be edited; "" where nothing can.
        shown: a text for people.
        size: bytes of the value.
        flags: the client's.
        written_at: Unix seconds.
        expires_at: Unix seconds; None for never.
        is_locked: deleted with a time during which nobody can add it.
    """

    type: str
    text: str
    shown: str
    size: int
    flags: int
    written_at: int
    expires_at: int | None
    is_locked: bool


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """What memcache says of itself; times in seconds."""

    hits: int
    misses: int
    byte_hits: int
    items: int
    bytes: int
    oldest_seconds: int


def _pickled(text: str) -> bytes:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise BadValue(
            "a Python value is written as a literal, like {'a': [1, 2.5, None]}"
        ) from None
    return pickle.dumps(value, _PROTOCOL)


def _integer(text: str) -> bytes:
    text = text.strip()
    try:
        if len(text) > _LONGEST_INTEGER:
            raise ValueError
        return b"%d" % int(text)
    except ValueError:
        raise BadValue("an integer is written in digits, not too many") from None


def _boolean(text: str) -> bytes:
    values = {"true": b"1", "1": b"1", "false": b"0", "0": b"0"}
    try:
        return values[text.strip().lower()]
    except KeyError:
        raise BadValue('a boolean is "true" or "false"') from None


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise BadValue("bytes are written in base64") from None


def _text(text: str) -> bytes:
    return text.replace("\r\n", "\n").encode("utf-8", "replace")


_WRITERS: Final[dict[str, tuple[int, Callable[[str], bytes]]]] = {
    "text": (memcache.TYPE_UNICODE, _text),
    "bytes": (memcache.TYPE_STR, _bytes),
    "integer": (memcache.TYPE_INT, _integer),
    "long": (memcache.TYPE_LONG, _integer),
    "boolean": (memcache.TYPE_BOOL, _boolean),
    "python": (memcache.TYPE_PICKLED, _pickled),
}
TYPES: Final = tuple(_WRITERS)
"""What a form may write."""


def look_up(namespace: str, key: str) -> Entry | None:
    """Return an entry, or None.

    Raises:
        BadEntity: no key; or memcache refuses.
    """
    request = memcache_pb.MemcacheGetRequest()
    request.name_space = namespace
    request.key.append(_name(key))
    request.for_peek = True
    response = _call("Get", request, memcache_pb.MemcacheGetResponse())
    return _entry(response.item[0]) if response.item else None


def write(namespace: str, key: str, kind: str, text: str, seconds: int) -> None:
    """Write an entry.

    Args:
        namespace: of the key.
        key: as the app says it.
        kind: one of TYPES.
        text: the value.
        seconds: for which it stays; 0 for ever.

    Raises:
        BadEntity: no key; or memcache refuses.
        BadValue: the text is no such value.
    """
    if kind not in _WRITERS:
        raise BadValue(f"a type is one of {', '.join(TYPES)}")
    flags, make = _WRITERS[kind]
    value = make(text)
    if len(value) > memcache.MAX_VALUE_SIZE:
        raise BadValue(f"a value has {memcache.MAX_VALUE_SIZE} bytes at most")
    request = memcache_pb.MemcacheSetRequest()
    request.name_space = namespace
    item = request.item.add()
    item.key, item.value, item.flags = _name(key), value, flags
    item.expiration_time = seconds
    response = _call("Set", request, memcache_pb.MemcacheSetResponse())
    if list(response.set_status) != [response.STORED]:
        raise BadEntity("memcache has not stored it; the log may say why")


def delete(namespace: str, key: str) -> bool:
    """Delete an entry; return whether it was there.

    Raises:
        BadEntity: no key; or memcache refuses.
    """
    request = memcache_pb.MemcacheDeleteRequest()
    request.name_space = namespace
    request.item.add().key = _name(key)
    response = _call("Delete", request, memcache_pb.MemcacheDeleteResponse())
    return list(response.delete_status) == [response.DELETED]


def flush() -> None:
    """Take everything out."""
    _call(
        "FlushAll",
        memcache_pb.MemcacheFlushRequest(),
        memcache_pb.MemcacheFlushResponse(),
    )


def statistics() -> CacheStatistics:
    """Return what memcache says of itself."""
    response = _call(
        "Stats", memcache_pb.MemcacheStatsRequest(), memcache_pb.MemcacheStatsResponse()
    )
    stats = response.stats
    return CacheStatistics(
        stats.hits,
        stats.misses,
        stats.byte_hits,
        stats.items,
        stats.bytes,
        stats.oldest_item_age,
    )


def _name(key: str) -> bytes:
    if not key:
        raise BadEntity("a key is a text that is not empty")
    name: bytes = memcache._key_string(key.encode("utf-8", "replace"))
    return name


def _call(name: str, request: Any, response: Any) -> Any:
    stub = apiproxy_stub_map.apiproxy.GetStub("memcache")
    with refusals():
        stub.MakeSyncCall("memcache", name, request, response)
    return response


def _entry(item: Any) -> Entry:
    value = bytes(item.value)
    kind, text, shown = _read(value, item.flags)
    if len(text) > LONGEST:
        kind, text = "other", ""
    expires_at = item.timestamps.expiration_time_sec or None
    return Entry(
        kind,
        text,
        shown,
        len(value),
        item.flags,
        item.timestamps.last_access_time_sec,
        expires_at,
        item.is_delete_locked,
    )


def _read(value: bytes, flags: int) -> tuple[str, str, str]:
    """Return type, text to edit and text to look at."""
    number = flags & memcache.FLAG_TYPE_MASK
    shown = of_bytes(value, 4000)
    if number == memcache.TYPE_PICKLED:
        return "pickle", "", _steps_of(value)
    if number == memcache.TYPE_STR:
        return "bytes", base64.b64encode(value).decode("ascii"), shown
    names = {
        memcache.TYPE_UNICODE: "text",
        memcache.TYPE_INT: "integer",
        memcache.TYPE_LONG: "long",
        memcache.TYPE_BOOL: "boolean",
    }
    try:
        text = form_text(value.decode("utf-8"))
    except UnicodeDecodeError:
        return "other", "", shown
    if number == memcache.TYPE_BOOL:
        text = "true" if text == "1" else "false" if text == "0" else text
    return names.get(number, "other"), text if number in names else "", shown


def _steps_of(value: bytes) -> str:
    lines: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(io.BytesIO(value)):
            shown = "" if argument is None else of_bytes(_as_bytes(argument), 300)
            lines.append(f"{opcode.name} {shown}".rstrip())
            if len(lines) >= MOST_STEPS:
                lines.append("\N{HORIZONTAL ELLIPSIS}")
                break
    except Exception as error:
        # pickletools raises anything for bytes that are no pickle.
        lines.append(f"(no pickle from here on: {type(error).__name__})")
    return "\n".join(lines)


def _as_bytes(argument: object) -> bytes:
    if isinstance(argument, bytes):
        return argument
    return str(argument).encode("utf-8", "backslashreplace")
