"""Puts a backup in the place of an app's data.

The file may come from anywhere, so nothing in it is believed: no member leads out of
the folder, is anything but a plain file, or is what a store does not have. It is
unpacked into a folder beside the data and checked there: each file against the sum that
the backup noted, and the database by SQLite's own check. Until then nothing has
changed. Then the old data is moved into a folder of its own, within the store's, and
the new data into its place, the database last.

The store's lease is held all the while, and no server begins.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from channelshim.composition import control
from channelshim.composition.backup import SUMS_NAME
from channelshim.composition.place import STORE_DATA
from channelshim.composition.plan import Plan, make_plan
from channelshim.composition.reading import read_folder
from channelshim.composition.settings import Settings
from channelshim.composition.stores import open_store
from channelshim.errors import ConfigurationError, StorageError, StoreInUse
from channelshim.store.folders import make_private
from channelshim.store.lease import Lease
from channelshim.store.sqlite.database import FILE_NAME, check_file
from channelshim.store.sqlite.state import LEASE_FILE_NAME

_FILLED: Final = "channelshim.restore-"
_BEFORE: Final = "channelshim.before-"
"""Folders within the store's: what is being unpacked, and the data that was there."""

_CHUNK_BYTES: Final = 1 << 20

_MAXIMUM_SUMS_BYTES: Final = 256 << 20
"""A list of checksums is shorter, be there two million files."""

_BROKEN: Final = (
    tarfile.TarError,
    EOFError,
    ValueError,
    OverflowError,
    MemoryError,
    RecursionError,
)
"""What the standard library raises for a strange tar file."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done.

    Attributes:
        files: how many are in place.
        folder: the store's.
        before: where the data is that was there; None where there was none.
    """

    files: int
    folder: Path
    before: Path | None


def restore(file: Path, app: Path, settings: Settings) -> Restored:
    """Put the data of a backup in the place of an app's.

    Args:
        file: from `channelshim backup`.
        app: the app's folder.
        settings: as read.

    Raises:
        ConfigurationError: the file is no such backup or is damaged, a newer
            channelshim wrote it, a server runs, or the data is in PostgreSQL. Nothing
            has changed.
        StorageError: the store's folder cannot be written.
    """
    plan = make_plan(settings, read_folder(app, needs_app_yaml=True))
    if plan.store.is_shared:
        raise ConfigurationError(
            f"the app's data is in {plan.store}: restore it with pg_restore or psql, "
            "as docs/how-to/grow-postgres.md says"
        )
    folder = plan.store_directory
    try:
        # No tar.gz: how large it becomes would be in the hands of whoever made it.
        tar = tarfile.open(file, mode="r:")
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error.strerror or error}"
        ) from error
    except _BROKEN as error:
        raise ConfigurationError(
            f"{file} is damaged, or not a tar file: {_reason(error)}"
        ) from error
    with tar, _without_server(folder):
        try:
            return _restore(tar, file, plan)
        except OSError as error:
            raise ConfigurationError(
                f"{file} cannot be restored: {error.strerror or error}"
            ) from error
        except _BROKEN as error:
            raise ConfigurationError(f"{file} is damaged: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """Return what is wrong with a tar file, of one of _BROKEN."""
    if isinstance(error, (MemoryError, RecursionError)):
        return "a header in it is too long"
    return str(error)


@contextlib.contextmanager
def _without_server(folder: Path) -> Iterator[None]:
    """Hold the store's lease.

    Raises:
        ConfigurationError: a server runs.
    """
    sentence = (
        f"a server of the app runs with the data in {folder}: stop it, restore, and "
        "start it again"
    )
    server = control.connect(folder) if os.path.isdir(folder) else None
    if server is not None:
        server.close()
        raise ConfigurationError(sentence)
    path = make_private(folder, LEASE_FILE_NAME)
    try:
        lease = Lease(path, folder)
    except StoreInUse as error:
        raise ConfigurationError(sentence) from error
    try:
        yield
    finally:
        lease.close()


def _restore(tar: tarfile.TarFile, file: Path, plan: Plan) -> Restored:
    folder = plan.store_directory
    # On the same file system, so that single steps put it in place.
    filled = Path(tempfile.mkdtemp(prefix=_FILLED, dir=folder))
    try:
        files = _unpack(tar, file, filled)
        _check_database(plan, file, filled)
        before = _put_in_place(filled, folder)
    finally:
        shutil.rmtree(filled, ignore_errors=True)
    return Restored(files, folder, before)


def _unpack(tar: tarfile.TarFile, file: Path, filled: Path) -> int:
    """Write what is in a backup; return how many files that are."""
    sums: dict[str, str] | None = None
    found: dict[str, str] = {}
    for member in tar:
        # A sparse file may be larger than any disk.
        is_plain = member.isreg() and not member.issparse()
        stream = tar.extractfile(member) if is_plain else None
        if stream is None:
            raise _no_backup(file, member.name, "which is not a plain file")
        if member.name == SUMS_NAME:
            if member.size > _MAXIMUM_SUMS_BYTES:
                raise ValueError("its list of checksums is too long")
            sums = _read_sums(stream.read())
            continue
        target = filled.joinpath(*_parts_of(member.name, file))
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A later member is a newer state of the same file.
        found[member.name] = _write(stream, target)
        os.utime(target, (member.mtime, member.mtime))
    if FILE_NAME not in found:
        raise ConfigurationError(
            f"{file} is no backup of channelshim: there is no {FILE_NAME} in it"
        )
    if sums is None:
        raise ConfigurationError(
            f"{file} is damaged or cut short: its list of checksums is missing"
        )
    for name in sorted(sums.keys() | found.keys()):
        if sums.get(name) != found.get(name):
            raise ConfigurationError(
                f"{file} is damaged: {name} is not what was backed up"
            )
    return len(found)


def _parts_of(name: str, file: Path) -> tuple[str, ...]:
    """Return the parts of a member's name, which lead into the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise _no_backup(file, name, "which leads out of the store's folder")
    is_data = len(path.parts) > 1 and path.parts[0] in STORE_DATA
    if not is_data and name != FILE_NAME:
        raise _no_backup(file, name, "which is no part of a store")
    return path.parts


def _no_backup(file: Path, name: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{file} is no backup of channelshim: it has {name!r} in it, {why}"
    )


def _read_sums(data: bytes) -> dict[str, str]:
    try:
        sums = json.loads(data)
    except RecursionError as error:
        raise ValueError("its list of checksums cannot be read") from error
    if not isinstance(sums, dict):
        raise ValueError("its list of checksums cannot be read")
    return {str(name): str(value) for name, value in sums.items()}


def _write(stream: IO[bytes], target: Path) -> str:
    """Write a file that is its owner's alone; return its checksum."""
    digest = hashlib.sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(target, flags, 0o600), "wb") as out:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()


def _check_database(plan: Plan, file: Path, filled: Path) -> None:
    """Refuse a database that is damaged, or that a newer channelshim wrote."""
    path = filled / FILE_NAME
    try:
        check_file(path)
        # It is brought to today's schema here, where that may still fail.
        choice = dataclasses.replace(plan.store, folder=filled)
        open_store(choice, takes_lease=False).close()
    except StorageError as error:
        reason = str(error).replace(f"the store {path}", "its database")
        raise ConfigurationError(f"{file} cannot be restored: {reason}") from error


def _put_in_place(filled: Path, folder: Path) -> Path | None:
    """Move the old data away and the new data in; return where the old data is."""
    # The database first, then what SQLite has beside it: without a database SQLite
    # deletes a write-ahead log, and a database without its log has lost commits.
    old = sorted(folder.glob(f"{FILE_NAME}*"))
    old += [folder / name for name in STORE_DATA if (folder / name).exists()]
    before = _free_name(folder) if old else None
    if before is not None:
        before.mkdir(mode=0o700)
    moved: list[tuple[Path, Path]] = []
    try:
        for path in old:
            assert before is not None
            moved.append(_move(path, before / path.name))
        new = sorted(filled.iterdir(), key=lambda path: path.name.startswith(FILE_NAME))
        for path in new:
            moved.append(_move(path, folder / path.name))
    except OSError:
        for came_from, path in reversed(moved):
            path.rename(came_from)
        if before is not None:
            before.rmdir()
        raise
    _sync(folder)
    return before


def _move(path: Path, target: Path) -> tuple[Path, Path]:
    path.rename(target)
    return path, target


def _sync(folder: Path) -> None:
    """Have a folder's names survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _free_name(folder: Path) -> Path:
    """Return a folder within the store's that is not there yet."""
    moment = time.strftime("%Y-%m-%d-%H%M%S", time.gmtime())
    name, number = f"{_BEFORE}{moment}", 1
    while (folder / name).exists():
        number += 1
        name = f"{_BEFORE}{moment}-{number}"
    return folder / name
