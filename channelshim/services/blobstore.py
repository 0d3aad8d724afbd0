"""The blobstore service: Google's stub, with upload sessions that nobody can guess."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from google.appengine.api import (
    apiproxy_stub_map,
    datastore,
    datastore_errors,
    datastore_types,
)
from google.appengine.api.blobstore import (
    blob_storage,
    blobstore,
    blobstore_stub,
    file_blob_storage,
)

from channelshim.contracts.files import Blobs
from channelshim.services.stubs import EagerStub
from channelshim.services.user import RequestInfo

UPLOAD_SESSION_SECONDS: Final = 3600.0
"""How long an address of create_upload_url is good; the original's had no end."""

UPLOAD_SESSIONS_FORGOTTEN: Final = 100
"""Ended sessions that go when one is made, so that they do not pile up."""

_logger: Final = logging.getLogger("channelshim.services")

_SESSION_KIND: Final = "__BlobUploadSession__"
# images_blob_stub's; its package would cost 40 MB.
_SERVING_KIND: Final = "__BlobServingUrl__"
_CHUNK_BYTES: Final = 1 << 16
_TOKEN_BYTES: Final = 32
_KEY_BYTES: Final = 24


class BlobstoreService(EagerStub, blobstore_stub.BlobstoreServiceStub):  # type: ignore[misc]
    """The stub for the service `blobstore`.

    Args:
        folder: blobs are files below it; made with mode 0700 if it is missing.
        blobs: where they are instead; None for the folder.
    """

    def __init__(self, folder: Path, blobs: Blobs | None = None) -> None:
        application = os.environ.get("APPLICATION_ID", "app")
        super().__init__(
            make_blob_storage(folder, application, blobs),
            request_data=RequestInfo(),
            # Else it makes a temporary folder, and leaves it.
            storage_dir=str(folder),
        )

    def _CreateSession(
        self,
        success_path: str,
        user: object,
        max_bytes_per_blob: int | None = None,
        max_bytes_total: int | None = None,
        bucket_name: str | None = None,
    ) -> str:
        if bucket_name:
            _logger.warning("gs_bucket_name has no effect here: uploads become blobs")
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        _open_session(token, success_path, max_bytes_per_blob, max_bytes_total)
        return token


class StoredBlobs(blob_storage.BlobStorage):  # type: ignore[misc]
    """The stub's storage over the store, which every server of the app sees.

    Args:
        blobs: the store's.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def StoreBlob(self, blob_key: object, blob_stream: IO[bytes]) -> None:
        """Store what a stream has from where it stands."""
        self._blobs.put(str(blob_key), blob_stream)

    def OpenBlob(self, blob_key: object) -> IO[bytes]:
        """Return a blob's bytes as a file."""
        return self._blobs.open(str(blob_key))

    def DeleteBlob(self, blob_key: object) -> None:
        """Remove a blob; nothing happens when there is none."""
        self._blobs.delete(str(blob_key))


def make_blob_storage(folder: Path, application: str, blobs: Blobs | None) -> Any:
    """Return what stores and opens blobs as Google's stub does.

    Args:
        folder: blobs are files below it; made with mode 0700 if it is missing.
        application: whose blobs: "dev~myapp".
        blobs: where they are instead; None for the folder.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if blobs is not None:
        return StoredBlobs(blobs)
    return file_blob_storage.FileBlobStorage(str(folder), application)


@dataclass(frozen=True, slots=True)
class UploadSession:
    """What create_upload_url was told.

    Attributes:
        success_path: what the app wants to be asked afterwards, with its query.
        max_bytes_per_blob: or None for no bound but the server's.
        max_bytes_total: the same for all files together.
    """

    success_path: str
    max_bytes_per_blob: int | None
    max_bytes_total: int | None


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob that was just stored.

    Attributes:
        key: its blob key: letters, digits, "-" and "_".
        size: bytes.
        md5: hexadecimal.
    """

    key: str
    size: int
    md5: str


# Not part of a transaction that the app may be in.
@datastore.NonTransactional  # type: ignore[untyped-decorator]
def _open_session(
    token: str,
    success_path: str,
    max_bytes_per_blob: int | None,
    max_bytes_total: int | None,
) -> None:
    now = time.time()
    ended = datastore.Query(
        _SESSION_KIND, {"expires_at <": now}, keys_only=True, namespace=""
    )
    datastore.Delete(list(ended.Run(limit=UPLOAD_SESSIONS_FORGOTTEN)))
    entity = datastore.Entity(_SESSION_KIND, name=_session_name(token), namespace="")
    entity["expires_at"] = now + UPLOAD_SESSION_SECONDS
    entity["success_path"] = datastore_types.Text(success_path)
    entity["max_bytes_per_blob"] = max_bytes_per_blob
    entity["max_bytes_total"] = max_bytes_total
    entity.set_unindexed_properties(set(entity) - {"expires_at"})
    datastore.Put(entity)


def find_session(token: str) -> UploadSession | None:
    """Return the session of an upload URL, or None: none, spent or expired."""
    entity = _get_session(token)
    if entity is None:
        return None
    return UploadSession(
        str(entity["success_path"]),
        entity["max_bytes_per_blob"],
        entity["max_bytes_total"],
    )


def spend_session(token: str) -> bool:
    """End a session; return whether it was there: it serves one upload alone."""

    def spend() -> bool:
        entity = _get_session(token)
        if entity is not None:
            datastore.Delete(entity)
        return entity is not None

    return bool(datastore.RunInTransaction(spend))


def _get_session(token: str) -> Any:
    key = datastore.Key.from_path(_SESSION_KIND, _session_name(token), namespace="")
    try:
        entity = datastore.Get(key)
    except datastore_errors.EntityNotFoundError:
        return None
    return entity if entity["expires_at"] > time.time() else None


def _session_name(token: str) -> str:
    # Who can read the store or time it still learns no address.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def store_blob(
    stream: IO[bytes], content_type: str, filename: str, creation: datetime
) -> StoredBlob:
    """Store a file as a blob, with the entity that tells about it.

    Args:
        stream: read from where it stands.
        content_type: at most 500 characters.
        filename: at most 500 characters.
        creation: UTC without a zone, as the datastore has it.

    Source: SDK 1.9.88, blob_upload.Application.store_blob.
    """
    key = secrets.token_urlsafe(_KEY_BYTES)
    # An entity whose blob has this hash is found by it; nothing trusts it.
    digest = hashlib.md5(usedforsecurity=False)
    start = stream.tell()
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
    size = stream.tell() - start
    stream.seek(start)
    _storage().StoreBlob(key, stream)
    entity = datastore.Entity(blobstore.BLOB_INFO_KIND, name=key, namespace="")
    entity["content_type"] = content_type
    entity["creation"] = creation
    entity["filename"] = filename
    entity["md5_hash"] = digest.hexdigest()
    entity["size"] = size
    datastore.Put(entity)
    return StoredBlob(key, size, digest.hexdigest())


def delete_blob(key: str) -> None:
    """Remove a blob; nothing happens when there is none."""
    blobstore_stub.BlobstoreServiceStub.DeleteBlob(key, _storage())


def blob_facts(key: str) -> tuple[int, str] | None:
    """Return a blob's size in bytes and its content type, or None for no blob."""
    if not key:
        return None
    try:
        info = datastore.Get(
            blobstore_stub.BlobstoreServiceStub.ToDatastoreBlobKey(key)
        )
    except datastore_errors.EntityNotFoundError:
        return None
    return int(info["size"]), str(info.get("content_type") or "")


def has_serving_url(key: str) -> bool:
    """Return whether the app has asked for an address of this blob's image."""
    try:
        datastore.Get(datastore.Key.from_path(_SERVING_KIND, key, namespace=""))
    except datastore_errors.EntityNotFoundError:
        return False
    return True


def open_blob(key: str) -> IO[bytes]:
    """Return a blob's bytes as a file; the key must be one that blob_facts knows."""
    file: IO[bytes] = _storage().OpenBlob(key)
    return file


def read_blob(key: str, start: int, length: int) -> Iterator[bytes]:
    """Open a blob, and return a part of it, piece by piece."""
    return _pieces(open_blob(key), start, length)


def _pieces(file: IO[bytes], start: int, length: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while length > 0 and (chunk := file.read(min(length, _CHUNK_BYTES))):
            length -= len(chunk)
            yield chunk


def _storage() -> Any:
    return apiproxy_stub_map.apiproxy.GetStub("blobstore").storage
