"""Which blobs this request has uploaded: no other can be said to be one.

An app reads its uploads from the request's own body, so a visitor who posts to the
app's address himself could name any blob as his upload.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

VARIABLE: Final = "CHANNELSHIM_UPLOADED_BLOBS"
"""In the request's os.environ while serving: the keys of its uploads."""

ENVIRON_KEY: Final = "channelshim.uploads"
"""In the WSGI environment that follows an upload; HTTP headers become HTTP_ keys."""


def uploads_of(environ: Mapping[str, Any]) -> str:
    """Return what VARIABLE has to say of a served request."""
    return " ".join(environ.get(ENVIRON_KEY, ()))


def check_uploads(blobstore: ModuleType) -> None:
    """Let parse_blob_info and parse_file_info refuse what is forged."""
    parse = blobstore._parse_upload_info

    def parse_checked(field: Any, error_class: Any) -> Any:
        info = parse(field, error_class)
        if info is not None and isinstance(info["md5_hash"], bytes):
            # Text in Python 2, and text in the stored BlobInfo.
            info["md5_hash"] = info["md5_hash"].decode("ascii", "replace")
        uploaded = os.environ.get(VARIABLE)
        # None where nobody serves: a suite that makes its own upload requests.
        if info is None or uploaded is None:
            return info
        if info["blob_key"] not in uploaded.split():
            raise error_class(f"Field {field.name} was not uploaded by this request.")
        return info

    blobstore._parse_upload_info = parse_checked  # type: ignore[attr-defined]
