"""The stores in the user's data folder: one folder for each app that named no other."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from channelshim.composition import control
from channelshim.composition.place import STORE_ENTRIES, data_folder
from channelshim.errors import ConfigurationError
from channelshim.store.folders import make_private
from channelshim.store.lease import Lease
from channelshim.store.sqlite.state import LEASE_FILE_NAME


@dataclass(frozen=True, slots=True)
class StoreFolder:
    """One store.

    Attributes:
        application_id: whose data it is.
        path: of the folder.
        size: bytes of its files.
        changed_at: Unix seconds of the last change.
        is_in_use: whether a server has it at this moment.
    """

    application_id: str
    path: Path
    size: int
    changed_at: float
    is_in_use: bool


def all_stores() -> list[StoreFolder]:
    """Return the stores, by the ids of their apps.

    Raises:
        ConfigurationError: the folder cannot be read.
    """
    folder = data_folder()
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be read: {error.strerror}"
        ) from error
    return [_describe(path) for path in paths if _is_store(path)]


def find_store(application_id: str) -> StoreFolder:
    """Return the store of an app.

    Raises:
        ConfigurationError: there is none.
    """
    for store in all_stores():
        if store.application_id == application_id:
            return store
    raise ConfigurationError(
        f"there is no store of {application_id} in {data_folder()}: channelshim data "
        "list shows those that there are"
    )


def clear_store(store: StoreFolder) -> None:
    """Delete a store: all data of its app on this machine, secrets included.

    What else somebody has put into the folder stays.

    Raises:
        ConfigurationError: it cannot be deleted.
        StorageError: a server has it.
    """
    try:
        with _leased(store.path):
            for path in _entries(store.path):
                if path.name != LEASE_FILE_NAME:
                    _delete(path)
            # The last: until then nobody else opens the store.
            (store.path / LEASE_FILE_NAME).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            # Something else is in it.
            store.path.rmdir()
    except OSError as error:
        raise ConfigurationError(
            f"{store.path} cannot be deleted: {error.strerror}"
        ) from error


def _is_store(path: Path) -> bool:
    """Return whether a folder is a store, and not a link to somewhere else."""
    try:
        is_folder = stat.S_ISDIR(path.lstat().st_mode)
        return is_folder and any(_entries(path))
    except OSError:
        return False


def _entries(path: Path) -> Iterator[Path]:
    """Yield what in a folder is a store's."""
    for each in sorted(path.iterdir()):
        if each.name.startswith(STORE_ENTRIES):
            yield each


def _describe(path: Path) -> StoreFolder:
    size, changed_at = 0, 0.0
    for place, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                found = Path(place, name).lstat()
                size += found.st_size
                changed_at = max(changed_at, found.st_mtime)
    return StoreFolder(_id_of(path), path, size, changed_at, _is_in_use(path))


def _id_of(path: Path) -> str:
    """Return the id that place.store_directory makes this folder for."""
    application_id = unquote(path.name)
    is_its_own = quote(application_id, safe="~:-_.") == path.name
    return application_id if is_its_own else path.name


def _is_in_use(path: Path) -> bool:
    """Return whether a server answers there; a lease would keep one from starting."""
    try:
        server = control.connect(path)
    except ConfigurationError:
        # Another user's.
        return True
    if server is not None:
        server.close()
    return server is not None


@contextlib.contextmanager
def _leased(path: Path) -> Iterator[None]:
    """Have all leases of a store for a `with`: its own, and those of servers' names.

    Raises:
        StorageError: somebody has one, or none can be had.
    """
    make_private(path, LEASE_FILE_NAME)
    with contextlib.ExitStack() as stack:
        for lock in sorted(path.glob("channelshim.*lock")):
            stack.callback(Lease(lock, path).close)
        yield


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
