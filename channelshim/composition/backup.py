"""A backup of an app's data, beside a running server or without one.

The database is copied by the server that has it, or here where none runs, as one
transaction sees it. The files beside it are blobs and mails, which are written once and
never changed. They go in twice: before the copy is made, and those that came meanwhile
behind it. So no blob is missing that the copy of the database knows, unless it was
deleted in these moments. Behind all is a list of checksums, by which `restoring` checks
what it reads.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import stat
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from channelshim.composition import control
from channelshim.composition.control import Facts
from channelshim.composition.place import STORE_DATA
from channelshim.composition.plan import Plan, make_plan
from channelshim.composition.reading import read_folder
from channelshim.composition.settings import Settings
from channelshim.composition.stores import open_store
from channelshim.errors import ConfigurationError
from channelshim.store.folders import make_private
from channelshim.store.sqlite.database import FILE_NAME

if TYPE_CHECKING:
    from channelshim.contracts.store import Store

QUESTION: Final = "backup"
"""What a command asks the server that has the store."""

SUMS_NAME: Final = "channelshim.sums.json"
"""The last file in a backup: the SHA-256 of each other one, by name."""

_PREFIX: Final = "channelshim.backup-"
"""Of a copy in the making, in the store's folder: a server may write nowhere else."""

_STALE_SECONDS: Final = 24 * 3600.0
"""After which such a file is of a command that was killed."""


def back_up(path: Path, settings: Settings, target: Path) -> int:
    """Write an app's data to a tar file that is its owner's alone.

    Args:
        path: the app's folder.
        settings: as read.
        target: the file; it must not be there yet, and is there only when it is whole.

    Returns:
        how many files are in it.

    Raises:
        ConfigurationError: there is no data, it is in PostgreSQL, a part of it cannot
            be read, or the file cannot be written.
        StorageError: the data cannot be read.
    """
    plan = make_plan(settings, read_folder(path, needs_app_yaml=True))
    if plan.store.is_shared:
        raise ConfigurationError(
            f"the app's data is in {plan.store}: back it up with pg_dump, as "
            "docs/how-to/grow-postgres.md says"
        )
    folder = plan.store_directory
    if not os.path.lexists(folder / FILE_NAME):
        raise ConfigurationError(
            f"there is no data in {folder}: start the app once, or name the folder "
            "with --storage_path"
        )
    if os.path.lexists(target):
        raise ConfigurationError(f"{target} is there already: name another file")
    try:
        return _write(plan, target)
    except (OSError, tarfile.TarError) as error:
        reason = getattr(error, "strerror", None) or error
        name = Path(getattr(error, "filename", None) or target)
        # Of the file in the making nobody knows the name.
        path = name if name.is_relative_to(folder) else target
        raise ConfigurationError(
            f"{path} cannot be read or written: {reason}"
        ) from error


def _write(plan: Plan, target: Path) -> int:
    folder = plan.store_directory
    _remove_stale(folder)
    # A name of its own: another command may be writing to the same target.
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            # Each file with its bytes, whatever links there are to it.
            with tarfile.open(fileobj=file, mode="w", dereference=True) as tar:
                known: dict[str, tuple[int, int]] = {}
                sums: dict[str, str] = {}
                _add_files(tar, folder, known, sums)
                with _copied(plan) as copy:
                    sums[FILE_NAME] = _add_file(tar, copy, FILE_NAME)
                    _add_files(tar, folder, known, sums)
                _add_sums(tar, sums)
            file.flush()
            os.fsync(file.fileno())
        # Not os.replace: another command may have made the same file meanwhile.
        os.link(part, target)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return len(known) + 1


@contextlib.contextmanager
def _copied(plan: Plan) -> Iterator[Path]:
    """Yield a copy of the database, which is removed afterwards."""
    folder = plan.store_directory
    descriptor, name = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
    os.close(descriptor)
    copy = Path(name)
    try:
        asking = control.connect(folder)
        if asking is not None:
            with contextlib.closing(asking):
                asking.ask(QUESTION, name=copy.name)
        else:
            store = open_store(plan.store)
            try:
                store.copy_to(copy)
            finally:
                store.close()
        yield copy
    finally:
        with contextlib.suppress(OSError):
            copy.unlink()


def answer(store: Store, folder: Path, facts: Facts) -> tuple[Facts, bytes]:
    """Answer QUESTION: fill the file that a command has made in the store's folder.

    Args:
        store: open.
        folder: its own.
        facts: the file's `name`.

    Raises:
        ConfigurationError: it is no such file.
        StorageError: it cannot be filled.
    """
    name = str(facts.get("name", ""))
    copy = folder / name
    if not name.startswith(_PREFIX) or "/" in name or copy.is_symlink():
        raise ConfigurationError(f"{name!r} is no file for a backup")
    make_private(folder, name)
    store.copy_to(copy)
    return {"bytes": copy.stat().st_size}, b""


def _add_files(
    tar: tarfile.TarFile,
    folder: Path,
    known: dict[str, tuple[int, int]],
    sums: dict[str, str],
) -> None:
    """Put in what lies in a folder and is not known yet as it is.

    Args:
        tar: takes them.
        folder: the store's.
        known: size and time of those that are in, by name; those that follow are
            added.
        sums: checksums by name, added to as well.
    """
    for place, folders, names in os.walk(folder, onerror=_refuse):
        if Path(place) == folder:
            # The app itself may be in there.
            folders[:] = [name for name in folders if name in STORE_DATA]
            names = []
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            inside = path.relative_to(folder).as_posix()
            try:
                found = path.lstat()
                is_file = stat.S_ISREG(found.st_mode)
                state = (found.st_size, found.st_mtime_ns)
                if is_file and known.get(inside) != state:
                    sums[inside] = _add_file(tar, path, inside)
                    known[inside] = state
            except FileNotFoundError:
                # It was deleted meanwhile.
                continue


def _refuse(error: OSError) -> None:
    """Let no folder be left out but one that was deleted meanwhile."""
    if not isinstance(error, FileNotFoundError):
        raise error


class _Summed(io.RawIOBase):
    """A file whose bytes are summed up while they are read."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._digest = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""
        data = self._file.read(size)
        self._digest.update(data)
        return data

    def checksum(self) -> str:
        """Return that of what was read."""
        return self._digest.hexdigest()


def _add_file(tar: tarfile.TarFile, path: Path, inside: str) -> str:
    """Put a file in; return its checksum."""
    with path.open("rb") as file:
        summed = _Summed(file)
        info = tar.gettarinfo(arcname=inside, fileobj=file)
        tar.addfile(info, summed)
        return summed.checksum()


def _add_sums(tar: tarfile.TarFile, sums: dict[str, str]) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(sums, indent=0, sort_keys=True).encode("ascii"))
        file.seek(0)
        tar.addfile(tar.gettarinfo(arcname=SUMS_NAME, fileobj=file), file)


def _remove_stale(folder: Path) -> None:
    """Remove the copies of commands that were killed long ago."""
    for path in folder.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.lstat().st_mtime > _STALE_SECONDS:
                path.unlink()
