"""google.appengine.ext.webapp.blobstore_handlers: serving and taking blobs.

Source: SDK 1.9.88, ext/webapp/blobstore_handlers.py.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any
from urllib.parse import quote

from google.appengine.ext import blobstore, webapp

__all__ = [
    "BlobstoreDownloadHandler",
    "BlobstoreUploadHandler",
    "Error",
    "RangeFormatError",
    "UnsupportedRangeFormatError",
]

_RANGE = re.compile(r"\s*(?:(\d+)\s*-\s*(\d+)?|(-\d+))\s*", re.ASCII)


class Error(Exception):
    """Base of this module's errors."""


class RangeFormatError(webapp.Error):  # type: ignore[misc]
    """A Range header cannot be read."""


class UnsupportedRangeFormatError(RangeFormatError):
    """A Range header asks for what is not supported: several ranges, or no bytes."""


class BlobstoreDownloadHandler(webapp.RequestHandler):  # type: ignore[misc]
    """Base of handlers that answer with a blob."""

    def send_blob(
        self,
        blob_key_or_info: Any,
        content_type: str | None = None,
        save_as: bool | str | None = None,
        start: int | None = None,
        end: int | None = None,
        **options: Any,
    ) -> None:
        """Answer with a blob, or a part of it; the platform puts the bytes in.

        Args:
            blob_key_or_info: BlobInfo, BlobKey or its text.
            content_type: None means the blob's own.
            save_as: the name for a download; True means the blob's own.
            start: first byte; below zero from the end.
            end: last byte, None for the end.
            **options: use_range=False lets start and end count rather than the
                request's Range header; with True both must say the same.

        Raises:
            TypeError: another option.
            ValueError: start and end do not fit, or save_as is True without a BlobInfo.
        """
        unknown = sorted(options.keys() - {"use_range"})
        if unknown:
            raise TypeError(f"send_blob got unexpected keyword arguments: {unknown}")
        header = self.request.headers.get("range")
        byte_range = _byte_range(start, end, options.get("use_range"), header)
        headers = self.response.headers
        if byte_range is not None:
            headers[blobstore.BLOB_RANGE_HEADER] = byte_range
        info = blob_key_or_info
        if not isinstance(info, blobstore.BlobInfo):
            info = None
        key = blob_key_or_info if info is None else info.key()
        headers[blobstore.BLOB_KEY_HEADER] = str(key)
        if content_type:
            headers["Content-Type"] = str(content_type)
        else:
            headers.pop("Content-Type", None)
        if save_as:
            self._send_attachment(save_as, info)
        self.response.clear()

    def _send_attachment(self, save_as: bool | str, info: Any) -> None:
        if save_as is True:
            if info is None:
                raise ValueError("save_as=True needs a BlobInfo, which knows the name")
            save_as = str(info.filename or "")
        if not isinstance(save_as, str):
            raise ValueError("save_as must be True or a name")
        name = re.sub(r'[\x00-\x1f"\\]', "_", save_as)
        plain = name.encode("ascii", "replace").decode("ascii").replace("?", "_")
        self.response.headers["Content-Disposition"] = (
            f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
        )

    def get_range(self) -> tuple[int, int | None] | None:
        """Return the first and last byte of the request's Range header.

        Returns:
            None without a header; a first byte below zero counts from the end, and a
            last byte of None means the end.

        Raises:
            UnsupportedRangeFormatError: several ranges, or another unit than bytes.
            RangeFormatError: the header cannot be read.
        """
        header = self.request.headers.get("range")
        if header is None:
            return None
        unit, equals, ranges = header.partition("=")
        matches = [_RANGE.fullmatch(part) for part in ranges.split(",") if part.strip()]
        if not equals or not matches or not all(matches):
            raise RangeFormatError(f"Invalid range header: {header}")
        if len(matches) != 1:
            raise UnsupportedRangeFormatError("Several ranges are not supported.")
        if unit != "bytes":
            raise UnsupportedRangeFormatError(f"Ranges of {unit} are not supported.")
        first, last, from_end = matches[0].groups()  # type: ignore[union-attr]
        if from_end is not None:
            return int(from_end), None
        return int(first), None if last is None else int(last)


class BlobstoreUploadHandler(webapp.RequestHandler):  # type: ignore[misc]
    """Base of handlers that an upload form leads to."""

    def get_uploads(self, field_name: str | None = None) -> list[Any]:
        """Return the BlobInfo of each uploaded file.

        Args:
            field_name: of the form; None for all fields.
        """
        return self._parse(blobstore.parse_blob_info, field_name)

    def get_file_infos(self, field_name: str | None = None) -> list[Any]:
        """Return the FileInfo of each uploaded file.

        Args:
            field_name: of the form; None for all fields.
        """
        return self._parse(blobstore.parse_file_info, field_name)

    def _parse(self, parse: Any, field_name: str | None) -> list[Any]:
        # Each field's file can be read once, so what was read is kept.
        parsed: dict[Any, dict[str, list[Any]]] = self.__dict__.setdefault("_infos", {})
        if parse not in parsed:
            by_field = parsed[parse] = defaultdict(list)
            for name, value in self.request.params.items():
                if "blob-key" in getattr(value, "type_options", ()):
                    by_field[name].append(parse(value))
        infos = parsed[parse]
        if field_name:
            return list(infos.get(field_name, ()))
        return [info for each in infos.values() for info in each]


def _byte_range(
    start: int | None, end: int | None, use_range: bool | None, header: str | None
) -> str | None:
    """Return what X-AppEngine-BlobRange says, or None."""
    if end is not None and start is None:
        raise ValueError("May not specify end value without start.")
    span = None
    if start is not None:
        if end is not None and start < 0:
            raise ValueError("end cannot be set if start < 0.")
        if end is not None and start > end:
            raise ValueError("start must be < end.")
        span = f"bytes={start}" + (
            "" if start < 0 else f"-{'' if end is None else end}"
        )
    if use_range and span is not None and header != span:
        raise ValueError(f"The range {span} differs from the header's {header}.")
    return header if use_range is not False and header is not None else span
