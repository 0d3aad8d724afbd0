"""All data of an app, written to a file as of one moment."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol

from channelshim.contracts import ordering
from channelshim.contracts.data import DataSnapshot
from channelshim.contracts.scan import Scan
from channelshim.data.blob_keys import BLOB_KINDS, file_of
from channelshim.data.files import PIECE_BYTES, DataWriter
from channelshim.data.records import (
    BadRecord,
    Blob,
    BlobPiece,
    Counter,
    Entity,
    PausedQueue,
    Record,
)
from channelshim.data.sources import blob_records
from channelshim.errors import StorageError

_COUNTERS: Final = ("sequential", "scattered")


class Progress(Protocol):
    """Shows how far something is."""

    def begin(self, label: str, total: int) -> None:
        """Start: `total` units are to be done."""

    def advance(self, done: int) -> None:
        """So many units are done since `begin`."""

    def end(self) -> None:
        """All are."""


def export(
    snapshot: DataSnapshot, blobs: Path | None, writer: DataWriter, progress: Progress
) -> Mapping[type, int]:
    """Write all data; return how many records there are of each type.

    Args:
        snapshot: what is written.
        blobs: the folder of the app's blobs; None where the snapshot has them.
        writer: takes the records.
        progress: told of each entity.

    Raises:
        StorageError: the store refuses, or holds what no file can.
    """
    entities = snapshot.entities
    kinds = sorted(entities.kinds().items())
    total = sum(entities.count(Scan(kind_id), -1) for _, kind_id in kinds)
    tally: Tally[type] = Tally()
    progress.begin("exporting", total)
    try:
        for record in _records(snapshot, blobs):
            writer.write(record)
            tally[type(record)] += 1
            if isinstance(record, Entity):
                progress.advance(tally[Entity])
    except BadRecord as error:
        raise StorageError(f"a record cannot be exported: {error}") from error
    finally:
        progress.end()
    writer.finish()
    return tally


def _records(snapshot: DataSnapshot, blobs: Path | None) -> Iterator[Record]:
    counters = snapshot.counters()
    for name in _COUNTERS:
        if name in counters:
            yield Counter(name, counters[name])
    keys: list[str] = []
    for (_, kind), kind_id in sorted(snapshot.entities.kinds().items()):
        for _, path, _, body in snapshot.entities.rows(Scan(kind_id), bodies=True):
            yield Entity(body)
            if kind in BLOB_KINDS:
                keys.append(str(ordering.decode_path(path)[-1][1]))
    yield from snapshot.tasks()
    yield from snapshot.pull_tasks()
    yield from (PausedQueue(queue) for queue in sorted(snapshot.paused()))
    yield from snapshot.accounts()
    yield from snapshot.passwords()
    if blobs is None:
        yield from _stored_blobs(snapshot)
        return
    for key in keys:
        file = file_of(blobs, key)
        if file is not None:
            yield from blob_records(key, file)


def _stored_blobs(snapshot: DataSnapshot) -> Iterator[Record]:
    for key, size in snapshot.blobs():
        yield Blob(key, size)
        for piece in snapshot.blob_pieces(key):
            size -= len(piece)
            for start in range(0, len(piece), PIECE_BYTES):
                yield BlobPiece(piece[start : start + PIECE_BYTES])
        if size:
            raise BadRecord(f"the store has not all bytes of the blob {key}")
