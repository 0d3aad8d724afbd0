"""Apps whose data is moved: in folders and databases of a test's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from channelshim.composition import data
from channelshim.composition.setting_values import read_settings
from channelshim.composition.settings import Settings
from channelshim.composition.stores import choose_store, open_store
from channelshim.contracts.data import DataSnapshot
from channelshim.contracts.scan import Scan
from channelshim.contracts.store import Store
from channelshim.data.files import DataReader, DataWriter
from channelshim.data.importing import Mode, Outcome
from channelshim.data.records import Record
from channelshim.services.datastore_v3 import values


class Quiet:
    """Shows nothing of how far something is."""

    def begin(self, label: str, total: int) -> None:
        pass

    def advance(self, done: int) -> None:
        pass

    def end(self) -> None:
        pass


class App:
    """An app with its store.

    Args:
        folder: made; the app's, with its data below.
        application: its id.
        **settings: of its store; SQLite where they say nothing.
    """

    def __init__(self, folder: Path, application: str = "app", **settings: Any) -> None:
        self.folder = folder
        self.application = application
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "app.yaml").write_text(f"application: {application}\n")
        self.store_folder = folder / "data"
        given = {"storage_path": str(self.store_folder), **settings}
        self.settings: Settings = read_settings(given, {})

    def export(self, file: Path) -> Path:
        """Write all to a file, and return that."""
        file.unlink(missing_ok=True)
        data.export_data(self.folder, self.settings, file, Quiet())
        return file

    def take(self, file: Path, mode: Mode = Mode.FRESH, **options: Any) -> Outcome:
        """Import a file."""
        return data.import_data(
            self.folder, self.settings, file, mode, Quiet(), **options
        )

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open the store, also where an import was cut short."""
        choice = choose_store(
            self.settings, self.application, self.store_folder, config=None
        )
        store = open_store(choice, values.values_of_body, may_be_partial=True)
        try:
            yield store
        finally:
            store.close()

    def blob(self, key: str) -> Path:
        """Return where Google's stub has the file of a blob."""
        folder = self.store_folder / "blobs" / f"dev~{self.application}"
        return folder / key[1] / key[1:]

    def content(self) -> list[object]:
        """Return all that the store has, in a stable order."""
        with self.store() as store, store.data.read() as snapshot:
            return content_of(snapshot)

    def is_untouched(self) -> bool:
        """Return whether the store has nothing, and no import that was begun."""
        with self.store() as store:
            is_empty = store.data.is_empty() and not store.accounts.all()
            return is_empty and store.unfinished_import() is None


def content_of(snapshot: DataSnapshot) -> list[object]:
    """Return all that a snapshot has."""
    entities = snapshot.entities
    found: list[object] = [
        (kind, row[1], row[3])
        for kind, kind_id in sorted(entities.kinds().items())
        for row in entities.rows(Scan(kind_id), bodies=True)
    ]
    found += [*snapshot.tasks(), *snapshot.pull_tasks(), sorted(snapshot.paused())]
    found += [*snapshot.accounts(), *snapshot.passwords()]
    return found


def records_of(file: Path) -> list[Record]:
    """Return the records of a file of ours."""
    with file.open("rb") as opened:
        return [record for _, record in DataReader(opened, file.name).records()]


def write_file(file: Path, records: Sequence[Record], app: str = "dev~app") -> Path:
    """Write a file of ours, and return it."""
    with file.open("wb") as opened:
        writer = DataWriter(opened, app, "tests", 0.0)
        for record in records:
            writer.write(record)
        writer.finish()
    return file
