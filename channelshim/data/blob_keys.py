"""Keys of blobs, and where their files are in a folder of Google's layout."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

BLOB_KINDS: Final = frozenset({"__BlobInfo__", "__GsFileInfo__"})
"""Kinds of entities whose name is that of a blob."""

_KEY: Final = re.compile(r"[\w=:+~%-][\w=:+~%-][\w=:+~%.-]{0,254}", re.ASCII)
"""What the names of blobs are made of: no slash, and no dot where a folder begins."""


def is_blob_key(key: str) -> bool:
    """Return whether a key can be that of a blob, and the name of a file."""
    return _KEY.fullmatch(key) is not None


def file_of(folder: Path, key: str) -> Path | None:
    """Return where the file of a blob is; None for a key that cannot be one.

    Args:
        folder: of one app's blobs.
        key: of the blob.

    Source: SDK, api/blobstore/file_blob_storage.py, FileBlobStorage._FileForBlob.
    """
    if not is_blob_key(key):
        return None
    return folder / key[1] / key[1:]
