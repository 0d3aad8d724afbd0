"""The commands that move an app's data: to a file, and from one."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from channelshim.compat.import_hooks import hide_while_importing
from channelshim.compat.patches import HIDDEN
from channelshim.composition import control
from channelshim.composition.place import store_directory
from channelshim.composition.reading import application_id_of, read_app
from channelshim.composition.settings import Settings
from channelshim.composition.stores import StoreChoice, choose_store, open_store
from channelshim.contracts.store import BLOBS_FOLDER, Store
from channelshim.errors import ConfigurationError, StorageError
from channelshim.store.sqlite.database import FILE_NAME
from channelshim.version import __version__

if TYPE_CHECKING:
    from channelshim.contracts.entities import EntityKey
    from channelshim.data.checking import Survey
    from channelshim.data.entities import EntityReader
    from channelshim.data.exporting import Progress
    from channelshim.data.importing import Mode, Outcome, PutBlob
    from channelshim.data.sources import Source

# Before `channelshim.data` imports Google's SDK: with grpc it is slow, and warns.
for _hidden, _importer in HIDDEN:
    hide_while_importing(_hidden, _importer)

_PARTITION: Final = "dev~"
"""Before the id of every app here."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Whose data it is, and where.

    Attributes:
        application: the app's id in keys.
        choice: of its store.
    """

    application: str
    choice: StoreChoice

    @property
    def blobs(self) -> Path | None:
        """The folder of the app's blobs; None where they are in the database."""
        if self.choice.is_shared:
            return None
        return self.choice.folder / BLOBS_FOLDER / self.application


def _place(path: Path, settings: Settings) -> _Place:
    config = read_app(path)
    application_id = application_id_of(path, config, settings.application)
    folder = store_directory(application_id, settings.storage_path)
    choice = choose_store(settings, application_id, folder, config)
    return _Place(_PARTITION + application_id, choice)


def export_data(
    path: Path, settings: Settings, target: Path, progress: Progress
) -> Mapping[type, int]:
    """Write an app's data to a file that is its owner's alone.

    A server of the app may be running. What is written is what there is at one moment.

    Args:
        path: the app's folder.
        settings: as read.
        target: the file; it must not be there yet, and is there only when it is whole.
        progress: told how far it is.

    Returns:
        how many records of each type are in it.

    Raises:
        ConfigurationError: there is no data, or the file cannot be written.
        StorageError: the data cannot be read.
    """
    place = _place(path, settings)
    choice = place.choice
    if not choice.is_shared and not os.path.lexists(choice.folder / FILE_NAME):
        raise ConfigurationError(
            f"there is no data in {choice.folder}: start the app once, or name the "
            "folder with --storage_path"
        )
    if os.path.lexists(target):
        raise ConfigurationError(f"{target} is there already: name another file")
    store = open_store(choice, takes_lease=False)
    try:
        with _written(target) as file:
            return _export(place, store, file, progress)
    except OSError as error:
        raise ConfigurationError(
            f"{target} cannot be written: {error.strerror or error}"
        ) from error
    finally:
        store.close()


def _export(
    place: _Place, store: Store, file: IO[bytes], progress: Progress
) -> Mapping[type, int]:
    from channelshim.data.exporting import export
    from channelshim.data.files import DataWriter

    made_by = f"channelshim {__version__}"
    writer = DataWriter(file, place.application, made_by, time.time())
    with store.data.read() as snapshot:
        return export(snapshot, place.blobs, writer, progress)


@contextlib.contextmanager
def _written(target: Path) -> Iterator[IO[bytes]]:
    """Yield a file that takes its name when all is written, and else is removed."""
    # A name of its own: another command may be writing to the same target.
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # Not os.replace: another command may have made the same file meanwhile.
        os.link(part, target)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def import_data(
    path: Path,
    settings: Settings,
    source_path: Path,
    mode: Mode,
    progress: Progress,
    *,
    source_application: str = "",
    source_blobs: Path | None = None,
) -> Outcome:
    """Bring data from a file into an app's store, which no server may have meanwhile.

    All of the file is checked before anything is written. A run that was cut short goes
    on when it is started again.

    Args:
        path: the app's folder.
        settings: as read.
        source_path: a file of `export_data`, the old server's data, or a managed
            export; the last two may be folders.
        mode: what becomes of the data that the app has.
        progress: told how far it is.
        source_application: whose entities are taken, of several apps'.
        source_blobs: the folder of the old server's blobs; None for the one beside.

    Raises:
        ConfigurationError: the file or a record in it cannot be imported, the app has
            data, or a server has its store.
        StorageError: the store cannot be used, or another process has it.
    """
    from channelshim.data import importing
    from channelshim.data.entities import EntityReader
    from channelshim.data.importing import Importer

    place = _place(path, settings)
    with (
        _source(source_path, place, source_blobs) as source,
        _store_alone(place) as store,
    ):
        importing.check_is_free(store, mode)

        def reader() -> EntityReader:
            return EntityReader(place.application, source_application)

        survey = _survey(source, reader(), progress, store)
        clear_blobs = _blob_clearer(place)
        put_blob = _blob_putter(place, store)
        importer = Importer(store, source, reader(), put_blob, progress, clear_blobs)
        # The survey may have taken minutes.
        _check_is_alone(place, store)
        return importer.run(survey, mode)


def check_data(
    path: Path,
    settings: Settings,
    source_path: Path,
    progress: Progress,
    *,
    source_application: str = "",
    source_blobs: Path | None = None,
) -> Survey:
    """Check a file as `import_data` does, and change nothing; raises as that."""
    from channelshim.data.checking import survey
    from channelshim.data.entities import EntityReader

    place = _place(path, settings)
    reader = EntityReader(place.application, source_application)
    with _source(source_path, place, source_blobs) as source:
        return survey(source, reader, progress, {})


@contextlib.contextmanager
def _source(path: Path, place: _Place, blobs: Path | None) -> Iterator[Source]:
    """Yield what is imported."""
    from channelshim.data.entities import EntityReader
    from channelshim.data.records import BadRecord
    from channelshim.data.sources import Opening
    from channelshim.store.sqlite.old_server import OldServerFile

    def key_of(body: bytes) -> EntityKey | None:
        with contextlib.suppress(BadRecord):
            write = EntityReader(place.application).write_of(body)
            return None if write is None else write.key
        return None

    with Opening(path, OldServerFile, key_of, blobs) as source:
        yield source


def _survey(
    source: Source, reader: EntityReader, progress: Progress, store: Store
) -> Survey:
    from channelshim.data.checking import definitions_of, survey

    with store.entities.read() as snapshot:
        definitions = definitions_of(snapshot)
    return survey(source, reader, progress, definitions)


@contextlib.contextmanager
def _store_alone(place: _Place) -> Iterator[Store]:
    """Yield the app's store, which no server has.

    Raises:
        ConfigurationError: one has.
        StorageError: it cannot be opened.
    """
    from channelshim.services.datastore_v3.values import values_of_body

    choice = place.choice
    server = control.connect(choice.folder)
    if server is not None:
        server.close()
        raise ConfigurationError(
            f"a server of the app is running on {choice}: stop it, and run the import "
            "again"
        )
    store = open_store(choice, values_of_body, may_be_partial=True)
    try:
        _check_is_alone(place, store)
        yield store
    finally:
        store.close()


def _check_is_alone(place: _Place, store: Store) -> None:
    """Refuse a store that a server has lately used.

    Raises:
        ConfigurationError: one has.
    """
    if store.tasks.count_others(store.tasks.worker_id):
        raise ConfigurationError(
            f"a server uses {place.choice}, or did so less than half a minute ago: "
            "stop it, and run the import again"
        )


def _blob_putter(place: _Place, store: Store) -> PutBlob:
    """Return what stores a blob where the app's server looks for it."""
    from channelshim.services.blobstore import make_blob_storage

    folder = place.choice.folder / BLOBS_FOLDER
    storage = make_blob_storage(folder, place.application, store.blobs)

    def put(key: str, stream: IO[bytes]) -> None:
        try:
            storage.StoreBlob(key, stream)
        except OSError as error:
            raise StorageError(
                f"the blob {key} cannot be written: {error.strerror or error}"
            ) from error

    return put


def _blob_clearer(place: _Place) -> Callable[[], None]:
    """Return what deletes the blobs that are files."""

    def clear() -> None:
        if place.blobs is None:
            return
        try:
            shutil.rmtree(place.blobs)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(
                f"the blobs in {place.blobs} cannot be deleted: {error.strerror}"
            ) from error

    return clear
