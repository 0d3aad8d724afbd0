"""Blobs to look at: their facts, their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any, Final

from google.appengine.datastore import datastore_pb

from channelshim.services import blobstore
from channelshim.services.admin import keys
from channelshim.services.admin.entities import BadEntity, call
from channelshim.services.admin.texts import clean

KIND: Final = "__BlobInfo__"

_DESCENDING: Final = datastore_pb.Query.Order.DESCENDING


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob.

    Attributes:
        key: its blob key.
        filename, content_type, md5: as it came.
        size: bytes.
        created_at: Unix seconds; None where nobody knows.
    """

    key: str
    filename: str
    content_type: str
    md5: str
    size: int
    created_at: float | None


def listed(offset: int, limit: int) -> Sequence[Blob]:
    """Return some blobs, latest first.

    Raises:
        BadEntity: the datastore refuses.
    """
    query = datastore_pb.Query()
    query.app, query.kind = keys.own_app(), KIND
    order = query.order.add()
    order.property, order.direction = "creation", _DESCENDING
    query.offset, query.limit = offset, limit
    result = call("RunQuery", query, datastore_pb.QueryResult())
    return [_blob(entity) for entity in result.result]


def find(key: str) -> Blob | None:
    """Return a blob, or None."""
    if not key:
        return None
    request = datastore_pb.GetRequest()
    reference = request.key.add()
    reference.app = keys.own_app()
    element = reference.path.element.add()
    element.type, element.name = KIND, key
    try:
        response = call("Get", request, datastore_pb.GetResponse())
    except BadEntity:
        return None
    found = response.entity[0]
    return _blob(found.entity) if found.HasField("entity") else None


def delete(all_keys: Sequence[str]) -> int:
    """Delete blobs, and return how many were there."""
    there = [key for key in all_keys if find(key) is not None]
    for key in there:
        blobstore.delete_blob(key)
    return len(there)


def open_file(key: str) -> IO[bytes] | None:
    """Return a blob's bytes as a file; None where there is none."""
    try:
        return blobstore.open_blob(key)
    except (OSError, LookupError):
        return None


def _blob(entity: Any) -> Blob:
    values = {
        prop.name: prop.value for prop in (*entity.property, *entity.raw_property)
    }
    element = entity.key.path.element[-1]
    created_at = None
    if "creation" in values and values["creation"].HasField("int64Value"):
        created_at = values["creation"].int64Value / 1_000_000
    return Blob(
        clean(str(element.name)),
        _text(values.get("filename")),
        _text(values.get("content_type")),
        _text(values.get("md5_hash")),
        values["size"].int64Value if "size" in values else 0,
        created_at,
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    return clean(bytes(value.stringValue).decode("utf-8", "replace"))
