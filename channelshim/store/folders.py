"""Files of a store that are its owner's alone."""

from __future__ import annotations

import os
from pathlib import Path

from channelshim.errors import StorageError


def make_private(directory: Path, file_name: str) -> Path:
    """Make a file with mode 0600 in a folder with mode 0700, whichever is missing.

    What is there already keeps its mode: the folder may be shared on purpose.

    Raises:
        StorageError: the folder cannot be written.
    """
    path = directory / file_name
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its -wal and -shm files the mode of the file itself.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StorageError(
            f"the store {path} cannot be written: {error.strerror}"
        ) from error
    return path
