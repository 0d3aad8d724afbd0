"""The lease of a store: one server at a time, given back by the kernel if it dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from channelshim.errors import StorageError, StoreInUse

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        # The byte far behind the text, so that the holder's number stays readable.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _claim(descriptor: int) -> None:
        """Do nothing: no process is forked here."""

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _claim(descriptor: int) -> None:
        # A lock of the other kind, which belongs to one process, forked or not.
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lease:
    """A file lock that ends with the process, however it ends.

    Processes forked by the holder share it; `claim` tells them apart.

    Args:
        path: the lock file; it must exist, and stays.
        store: what is leased, for the sentence of the error.

    Raises:
        StoreInUse: another process, or another lease of this one, holds it.
        StorageError: the file cannot be opened.
    """

    def __init__(self, path: Path, store: Path) -> None:
        try:
            descriptor = os.open(path, os.O_RDWR)
        except OSError as error:
            raise StorageError(
                f"the store {store} cannot be leased: {error.strerror}"
            ) from error
        try:
            _lock(descriptor)
        except OSError as error:
            holder = _read_holder(descriptor)
            os.close(descriptor)
            raise StoreInUse(str(store), holder) from error
        self._store = store
        self._descriptor: int | None = descriptor
        _write_holder(descriptor)

    def claim(self) -> None:
        """Make this process the one that serves, of all that the holder forked.

        Idempotent.

        Raises:
            StoreInUse: another one does.
        """
        assert self._descriptor is not None
        try:
            _claim(self._descriptor)
        except OSError as error:
            holder = _read_holder(self._descriptor)
            raise StoreInUse(str(self._store), holder) from error
        _write_holder(self._descriptor)

    def close(self) -> None:
        """Give the lease back. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _read_holder(descriptor: int) -> int | None:
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        return int(os.read(descriptor, 32))
    except (OSError, ValueError):
        return None


def _write_holder(descriptor: int) -> None:
    # On a full disk the lease holds all the same; only the sentence loses a number.
    try:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, b"%d\n" % os.getpid())
    except OSError:
        return
