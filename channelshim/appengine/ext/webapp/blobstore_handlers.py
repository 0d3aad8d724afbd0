"""google.appengine.ext.webapp.blobstore_handlers: serving blobs.

Upload forms need the part of App Engine in front of the app, which is not here: an
upload handler finds no uploads.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from google.appengine.ext import blobstore, webapp

__all__ = ["BlobstoreDownloadHandler", "BlobstoreUploadHandler"]

_CHUNK_BYTES = 1 << 16


class BlobstoreDownloadHandler(webapp.RequestHandler):  # type: ignore[misc]
    """Base of handlers that answer with a blob."""

    def send_blob(
        self,
        blob_key_or_info: Any,
        content_type: str | None = None,
        save_as: bool | str | None = None,
        start: int | None = None,
        end: int | None = None,
        **_: Any,
    ) -> None:
        """Answer with a blob, or a part of it.

        Args:
            blob_key_or_info: BlobInfo, BlobKey or its text.
            content_type: None means the blob's own.
            save_as: the name for a download; True means the blob's own.
            start: first byte; below zero from the end.
            end: last byte, None for the end.

        Source: SDK 1.9.88, ext/webapp/blobstore_handlers.py; there a header asked the
        platform for the bytes, here the handler writes them.
        """
        if isinstance(blob_key_or_info, blobstore.BlobInfo):
            info = blob_key_or_info
        else:
            info = blobstore.BlobInfo.get(blob_key_or_info)
        if info is None:
            self.error(404)
            return
        size = int(info.size)
        first = 0 if start is None else start if start >= 0 else max(0, size + start)
        last = size - 1 if end is None else min(end, size - 1)
        self._set_headers(info, content_type, save_as)
        if (start, end) != (None, None):
            self.response.status = "206 Partial Content"
            self.response.headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        self._write(blobstore.BlobReader(info.key()), first, last)

    def _set_headers(
        self, info: Any, content_type: str | None, save_as: bool | str | None
    ) -> None:
        own_type = info.content_type or "application/octet-stream"
        self.response.headers["Content-Type"] = str(content_type or own_type)
        name = str(info.filename or "") if save_as is True else save_as
        if name:
            self.response.headers["Content-Disposition"] = (
                f"attachment; filename*=UTF-8''{quote(str(name), safe='')}"
            )

    def _write(self, reader: Any, first: int, last: int) -> None:
        reader.seek(first)
        left = last - first + 1
        while left > 0:
            chunk = reader.read(min(left, _CHUNK_BYTES))
            if not chunk:
                return
            self.response.write(bytes(chunk))
            left -= len(chunk)


class BlobstoreUploadHandler(webapp.RequestHandler):  # type: ignore[misc]
    """Base of handlers that an upload form leads to."""

    def get_uploads(self, field_name: str | None = None) -> list[Any]:
        """Return the blobs that were uploaded: here none ever are."""
        return []
