"""The second reading of what is imported: records become the store's, in batches.

How far it has come is noted in the store behind each batch. Whoever was killed and is
started again goes on behind the last note: what stands between it and the end of what
was written is written once more, which changes nothing.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum
from typing import IO, TYPE_CHECKING, Any, Final

from channelshim.contracts.entities import EntityKey, Write
from channelshim.contracts.store import Account, Password, Store
from channelshim.contracts.tasks import Added, NewTask, PullTask, Task
from channelshim.data.checking import Reading, Survey
from channelshim.data.entities import EntityReader
from channelshim.data.exporting import Progress
from channelshim.data.records import (
    NAMES,
    BadRecord,
    Blob,
    BlobPiece,
    Entity,
    PausedQueue,
    Record,
)
from channelshim.data.sources import Source
from channelshim.errors import ConfigurationError, StorageError, StoreBusy

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BATCH_RECORDS: Final = 500
BATCH_BYTES: Final = 4 << 20
"""What is written in one commit: enough for its cost not to count, and little enough
for memory and for whoever else writes."""

PutBlob = Callable[[str, IO[bytes]], None]
"""Stores a blob under its key, instead of an older one."""


class Mode(Enum):
    """What happens to the data that a store has."""

    FRESH = "fresh"
    """There may be none."""

    MERGE = "merge"
    """It stays, where the source has not the same key."""

    REPLACE = "replace"
    """It is deleted first."""


@dataclass(frozen=True, slots=True)
class Note:
    """How far an import has come.

    Attributes:
        digest: of what is imported, and of which app.
        name: of it.
        mode: as it was begun.
        is_begun: whether the store is ready for it, emptied and all.
        records: how many are in the store.
    """

    digest: str
    name: str
    mode: Mode
    is_begun: bool = False
    records: int = 0

    def to_bytes(self) -> bytes:
        """Return what the store keeps."""
        facts = {
            "digest": self.digest,
            "name": self.name,
            "mode": self.mode.value,
            "is_begun": self.is_begun,
            "records": self.records,
        }
        return json.dumps(facts).encode("ascii")

    @classmethod
    def from_bytes(cls, data: bytes) -> Note:
        """Return what to_bytes wrote; one that fits nothing where it is damaged."""
        try:
            facts: dict[str, Any] = json.loads(data)
            return cls(
                str(facts["digest"]),
                str(facts["name"]),
                Mode(facts["mode"]),
                facts["is_begun"] is True,
                int(facts["records"]),
            )
        except (ValueError, TypeError, KeyError, RecursionError):
            return cls("", "a file", Mode.REPLACE)


@dataclass(slots=True)
class Outcome:
    """What an import has done.

    Attributes:
        survey: of what was imported.
        resumed_at: how many records were in the store from a run before.
        refused_tasks: how many tasks were left out, their names being taken.
    """

    survey: Survey
    resumed_at: int = 0
    refused_tasks: int = 0


class _Refused(Exception):
    """The store refuses an entity: the number of its record, and why."""

    def __init__(self, number: int, error: StorageError) -> None:
        super().__init__(number, error)
        self.number = number
        self.error = error


@dataclass(slots=True)
class _Batch:
    """What is written together; each entity with the number of its record."""

    writes: dict[EntityKey, tuple[int, Write]] = field(default_factory=dict)
    tasks: list[NewTask] = field(default_factory=list)
    size: int = 0

    def __len__(self) -> int:
        return len(self.writes) + len(self.tasks)

    @property
    def is_full(self) -> bool:
        """Whether it is to be written before more comes."""
        return len(self) >= BATCH_RECORDS or self.size >= BATCH_BYTES


class Importer:
    """Writes a source, which was surveyed, into a store.

    Args:
        store: nobody else's meanwhile.
        source: what is imported.
        reader: of its entities.
        put_blob: stores blobs.
        progress: told how far it is.
        clear_blobs: deletes the blobs that are files, where they are.
    """

    def __init__(
        self,
        store: Store,
        source: Source,
        reader: EntityReader,
        put_blob: PutBlob,
        progress: Progress,
        clear_blobs: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._source = source
        self._reader = reader
        self._put_blob = put_blob
        self._progress = progress
        self._clear_blobs = clear_blobs
        self._batch = _Batch()
        self._refused_tasks = 0

    def run(self, survey: Survey, mode: Mode) -> Outcome:
        """Write all, or what is still missing from a run that was cut short.

        Args:
            survey: of the source.
            mode: what happens to data that there is.

        Raises:
            ConfigurationError: the store has data, or part of another import; or a
                record was refused, and then a store that was empty is empty again.
            StorageError: the store cannot be used; the next run goes on.
        """
        note = self._begin(survey, mode)
        resumed_at = note.records
        reading = Reading(self._source, self._progress, "importing")
        try:
            self._write_all(reading, note)
            if reading.digest != survey.digest:
                raise BadRecord("the file was changed while it was read")
        except StoreBusy:
            raise
        except _Refused as error:
            refusal = reading.refusal(error.error, error.number)
            raise self._undone(refusal, note) from error.error
        except (BadRecord, StorageError, OSError) as error:
            raise self._undone(reading.refusal(error), note) from error
        self._store.note_import(None)
        return Outcome(survey, resumed_at, self._refused_tasks)

    def _begin(self, survey: Survey, mode: Mode) -> Note:
        """Make the store ready and return where the import goes on."""
        store = self._store
        note = self._unfinished(survey, mode)
        if note is None:
            check_is_free(store, mode)
            note = Note(self._identity(survey), self._source.name, mode)
            store.note_import(note.to_bytes())
        if not note.is_begun:
            if note.mode is Mode.REPLACE:
                store.data.clear()
                # After what knows of them.
                self._clear_blobs()
            for name, number in survey.counters.items():
                store.entities.reserve(name, number)
            note = self._noted(note, 0)
        return note

    def _identity(self, survey: Survey) -> str:
        """Return what tells this import from any other of the same store."""
        return f"{survey.digest} {self._reader.choice}"

    def _unfinished(self, survey: Survey, mode: Mode) -> Note | None:
        """Return the note of a run that was cut short and goes on now, or None.

        Raises:
            ConfigurationError: it was an import of something else.
        """
        data = self._store.unfinished_import()
        note = Note.from_bytes(data) if data is not None else None
        if note is None:
            return None
        is_same = note.digest == self._identity(survey)
        # What another mode has left in the store is to be deleted.
        if mode is Mode.REPLACE and not (is_same and note.mode is Mode.REPLACE):
            return None
        if is_same:
            return note
        raise ConfigurationError(
            f"an import of {note.name} was cut short: run that one again to go on, or "
            "add --replace to delete all data of the app and import this file"
        )

    def _noted(self, note: Note, records: int) -> Note:
        """Note that so many records are in the store."""
        noted = Note(note.digest, note.name, note.mode, True, records)
        self._store.note_import(noted.to_bytes())
        return noted

    def _write_all(self, reading: Reading, note: Note) -> None:
        with closing(reading.records()) as found:
            for record in found:
                if reading.number <= note.records:
                    continue
                if isinstance(record, Blob):
                    self._flush()
                    self._put_blob(record.key, _pieces(found, record.size))
                    self._noted(note, reading.number)
                    continue
                self._add(record, reading.number)
                if self._batch.is_full:
                    self._flush()
                    self._noted(note, reading.number)
        self._flush()

    def _add(self, record: Record, number: int) -> None:
        """Take one record into the batch, or into the store."""
        store, batch = self._store, self._batch
        if isinstance(record, Entity):
            write = self._reader.write_of(record.body)
            if write is not None:
                # The last of a key counts, as if each were put by itself.
                batch.writes[write.key] = number, write
                batch.size += len(record.body)
        elif isinstance(record, (Task, PullTask)):
            batch.tasks.append(record)
            batch.size += len(record.body)
        elif isinstance(record, PausedQueue):
            store.tasks.pause(record.queue, is_paused=True)
        elif isinstance(record, Account):
            store.accounts.remember(record)
        elif isinstance(record, Password):
            store.passwords.put(record)

    def _flush(self) -> None:
        """Write the batch."""
        batch, self._batch = self._batch, _Batch()
        if batch.writes:
            self._put(list(batch.writes.values()))
        if batch.tasks:
            added = self._store.tasks.add(batch.tasks, time.time())
            self._refused_tasks += sum(each is not Added.DONE for each in added)

    def _put(self, numbered: Sequence[tuple[int, Write]]) -> None:
        """Write entities together; one by one where the store refuses that."""
        apply = self._store.entities.apply
        try:
            apply([write for _, write in numbered])
        except StoreBusy:
            raise
        except StorageError:
            for number, write in numbered:
                try:
                    apply([write])
                except StoreBusy:
                    raise
                except StorageError as error:
                    raise _Refused(number, error) from error

    def _undone(self, error: ConfigurationError, note: Note) -> ConfigurationError:
        """Leave nothing half imported, where that can be; return what to say."""
        if note.mode is Mode.MERGE:
            return ConfigurationError(
                f"{error}; the records before it are imported, and running the import "
                "again goes on"
            )
        store = self._store
        # Whoever is killed now must not go on behind what is deleted.
        again = Note(note.digest, note.name, Mode.REPLACE)
        try:
            store.note_import(again.to_bytes())
            store.data.clear()
            self._clear_blobs()
            store.note_import(None)
        except StorageError:
            return ConfigurationError(
                f"{error}; what was imported could not be deleted: when the store "
                "works again, run the import again"
            )
        # The data that there was is gone.
        end = " and the store is empty now" if note.mode is Mode.REPLACE else ""
        return ConfigurationError(f"{error}; nothing is imported{end}")


def check_is_free(store: Store, mode: Mode) -> None:
    """Refuse to import into a store that has data, unless `mode` says more.

    Raises:
        ConfigurationError: it has.
    """
    if mode is not Mode.FRESH or store.unfinished_import() is not None:
        return
    if not store.data.is_empty():
        raise ConfigurationError(
            "the app has data already: --merge adds to it, and --replace deletes it "
            "first"
        )


def _pieces(found: Iterator[Record], size: int) -> IO[bytes]:
    """Return the bytes of the blob that has begun, as a file."""
    return io.BufferedReader(_BlobStream(found, size))


class _BlobStream(io.RawIOBase):
    """A blob, read as its records come."""

    def __init__(self, found: Iterator[Record], left: int) -> None:
        super().__init__()
        self._found = found
        self._left = left
        self._piece = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer; return how many bytes that are."""
        if not self._piece and self._left:
            record = next(self._found, None)
            if not isinstance(record, BlobPiece):
                raise BadRecord("the blob is cut short")
            self._piece = record.data
            self._left -= len(record.data)
        view = memoryview(buffer).cast("B")
        data = self._piece[: len(view)]
        view[: len(data)] = data
        self._piece = self._piece[len(data) :]
        return len(data)


def described(tally: Mapping[type, int]) -> str:
    """Return what there is in words: "3 entities, 1 task"."""
    parts = []
    for kind, (one, several) in NAMES.items():
        count = tally.get(kind, 0)
        if count:
            parts.append(f"{count:,} {one if count == 1 else several}")
    return ", ".join(parts) or "no records"
