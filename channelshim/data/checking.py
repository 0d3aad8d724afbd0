"""The first reading of what is imported: all of it, with nothing written yet.

Whatever is wrong with a record, or with the file as a whole, is found here. The second
reading writes what this one has seen, as a digest over all records proves.
"""

from __future__ import annotations

import hashlib
from collections import Counter as Tally
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from channelshim.contracts.entities import Snapshot, Write
from channelshim.contracts.index_definitions import IndexDefinition
from channelshim.contracts.tasks import PullTask, Task
from channelshim.data import records
from channelshim.data.blob_keys import is_blob_key
from channelshim.data.entities import EntityReader
from channelshim.data.exporting import Progress
from channelshim.data.records import (
    BadRecord,
    Blob,
    BlobPiece,
    Counter,
    Entity,
    Record,
)
from channelshim.data.sources import Source
from channelshim.errors import ConfigurationError, StorageError

_STEP: Final = 100
"""Records between two looks at the progress."""

Definitions = Mapping[tuple[str, str], Sequence[IndexDefinition]]
"""Namespace and kind to the indexes that a store has of it."""


@dataclass(slots=True)
class Survey:
    """What a source holds.

    Attributes:
        digest: of all its records, hexadecimal.
        records: how many.
        tally: how many of each type.
        counters: of each id counter the highest number that must not come again.
        left_out: how many entities are another app's.
    """

    digest: str = ""
    records: int = 0
    tally: Tally[type] = field(default_factory=Tally)
    counters: dict[str, int] = field(default_factory=dict)
    left_out: int = 0


class Reading:
    """One reading of a source, from its first record to its last.

    Args:
        source: read from its beginning.
        progress: told how far it is.
        label: of the reading.

    Attributes:
        number: of the record that was last read, or is being read; from 1 on.
    """

    def __init__(self, source: Source, progress: Progress, label: str) -> None:
        self._source = source
        self._progress = progress
        self._label = label
        self._digest = hashlib.sha256()
        self.number: int = 0

    def records(self) -> Generator[Record, None, None]:
        """Yield the records; to be closed, as the progress ends with it.

        Raises:
            BadRecord: one is damaged; `number` says which.
        """
        self._progress.begin(self._label, self._source.size)
        try:
            found = self._source.records()
            while True:
                self.number += 1
                pair = next(found, None)
                if pair is None:
                    break
                position, record = pair
                letter, facts, body = records.spell(record)
                self._digest.update(letter + records.bytes_of(facts))
                self._digest.update(len(body).to_bytes(8, "big"))
                self._digest.update(body)
                if self.number % _STEP == 0:
                    self._progress.advance(position)
                yield record
            self.number -= 1
            self._progress.advance(self._source.size)
        finally:
            self._progress.end()

    @property
    def digest(self) -> str:
        """Of all records that were read, hexadecimal."""
        return self._digest.hexdigest()

    def refusal(self, error: Exception, number: int = 0) -> ConfigurationError:
        """Return the sentence about a record; 0 for the one that was last read."""
        reason = getattr(error, "strerror", None) or error
        return ConfigurationError(
            f"record {number or self.number:,} of {self._source.name}: {reason}"
        )


def definitions_of(snapshot: Snapshot) -> Definitions:
    """Return the indexes that a store has."""
    return {
        kind: tuple(snapshot.indexes(kind_id))
        for kind, kind_id in snapshot.kinds().items()
    }


def survey(
    source: Source, reader: EntityReader, progress: Progress, definitions: Definitions
) -> Survey:
    """Read all of a source and return what it holds.

    Args:
        source: read once.
        reader: of its entities.
        progress: told how far it is.
        definitions: of the store that will get them.

    Raises:
        ConfigurationError: a record, or the source as a whole, cannot be imported;
            names the record's number.
    """
    found = Survey()
    reading = Reading(source, progress, "checking")
    try:
        with closing(reading.records()) as content:
            _survey_all(content, reader, definitions, found)
    except (BadRecord, StorageError, OSError) as error:
        refusal = reading.refusal(error)
        raise ConfigurationError(f"{refusal}; nothing is imported") from None
    found.digest = reading.digest
    found.records = reading.number
    found.counters = dict(reader.counters)
    found.left_out = reader.left_out
    return found


def _survey_all(
    content: Iterable[Record],
    reader: EntityReader,
    definitions: Definitions,
    found: Survey,
) -> None:
    """Check each record, and count it."""
    blob_left = 0
    for record in content:
        blob_left = _check_order(record, blob_left)
        if isinstance(record, Entity):
            write = reader.write_of(record.body)
            if write is None:
                continue
            _check_indexes(definitions, write)
        elif isinstance(record, Counter):
            reader.note(record)
        found.tally[type(record)] += 1
    if blob_left:
        raise BadRecord("the last blob is cut short")


def _check_order(record: Record, blob_left: int) -> int:
    """Return how many bytes of a blob are still to come behind a record.

    Raises:
        BadRecord: it stands in the wrong place, or its key cannot be a blob's.
    """
    if isinstance(record, BlobPiece):
        if len(record.data) > blob_left:
            raise BadRecord("there are more bytes than the blob has")
        return blob_left - len(record.data)
    if blob_left:
        raise BadRecord("the blob before it is cut short")
    if isinstance(record, Blob):
        if not is_blob_key(record.key):
            raise BadRecord(f"{record.key!r} cannot be the key of a blob")
        return record.size
    if isinstance(record, (Task, PullTask)):
        _check_texts(record)
    return 0


def _check_texts(task: Task | PullTask) -> None:
    """Refuse a task whose texts the store could not take."""
    texts = [task.queue, task.name]
    if isinstance(task, Task):
        texts += [task.method, task.path]
    try:
        for text in texts:
            text.encode()
    except UnicodeEncodeError as error:
        raise BadRecord("the task holds text that is no Unicode") from error


def _check_indexes(definitions: Definitions, write: Write) -> None:
    """Refuse an entity that has too many rows in the indexes of a store.

    Raises:
        TooManyIndexRows: it has.
    """
    for definition in definitions.get((write.key.namespace, write.key.kind), ()):
        definition.row_values(write.key.path, write.values or {})
