"""What an import reads: a file of ours, and what Google's servers left behind.

A source is read twice from its beginning, once to check it and once to import it, and
says the same both times. It holds one record in memory, not all.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Protocol

from channelshim.contracts import ordering
from channelshim.contracts.entities import EntityKey
from channelshim.data.blob_keys import BLOB_KINDS, file_of
from channelshim.data.files import FAMILY, PIECE_BYTES, DataReader
from channelshim.data.leveldb_log import BLOCK_BYTES, begins_as_log, read_log
from channelshim.data.pickled_file import read_pickled
from channelshim.data.records import (
    BadRecord,
    Blob,
    BlobPiece,
    Counter,
    Entity,
    Record,
)
from channelshim.errors import ConfigurationError

_BLOB_TRACE: Final = re.compile("|".join(BLOB_KINDS).encode("ascii"))

_SQLITE: Final = b"SQLite format 3\0"
_PICKLES: Final = (b"]", b"(l", b"\x80")

OLD_DATABASE: Final = "datastore.db"
"""In the folder that the old server's --storage_path names."""

OLD_BLOBS: Final = "blobs"


class Source(Protocol):
    """Where records come from.

    Attributes:
        name: for sentences.
        size: of all that is read, in units of its own.
    """

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...

    def records(self) -> Iterator[tuple[int, Record]]:
        """Yield each record with how many units are read, from the first one on.

        Raises:
            BadRecord: the one after those that were yielded is damaged.
        """


class OldDatabase(Protocol):
    """The SQLite file of the old server, opened to be read.

    What it raises is a StorageError.
    """

    def count(self) -> int:
        """Return how many entities there are."""

    def counters(self) -> Iterator[tuple[bool, int]]:
        """Yield of each id counter whether its ids are scattered, and its next one."""

    def entities(self) -> Iterator[bytes]:
        """Yield each entity as it is stored."""

    def close(self) -> None:
        """Give the file back."""


class _OldFile:
    """The old server's pickled file."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self.name: str = name
        self.size: int = file.seek(0, os.SEEK_END)

    def records(self) -> Iterator[tuple[int, Record]]:
        self._file.seek(0)
        for body in read_pickled(self._file):
            yield self._file.tell(), Entity(body)


class _OldSqlite:
    """The old server's SQLite file."""

    def __init__(self, database: OldDatabase, name: str) -> None:
        self._database = database
        self.name: str = name
        self.size: int = database.count()

    def records(self) -> Iterator[tuple[int, Record]]:
        for is_scattered, following in self._database.counters():
            name = "scattered" if is_scattered else "sequential"
            yield 0, Counter(name, following)
        for count, body in enumerate(self._database.entities(), start=1):
            if not isinstance(body, bytes):
                raise BadRecord("it is not an entity")
            yield count, Entity(body)


class _Export:
    """A managed export: logs of LevelDB, in any order."""

    def __init__(self, paths: Sequence[Path], name: str) -> None:
        self._paths = paths
        self.name: str = name
        self.size: int = sum(path.stat().st_size for path in paths)

    def records(self) -> Iterator[tuple[int, Record]]:
        before = 0
        for path in self._paths:
            with path.open("rb") as file:
                try:
                    for body in read_log(file):
                        yield before + file.tell(), Entity(body)
                except BadRecord as error:
                    raise BadRecord(f"{path.name}: {error}") from None
                before += file.tell()


class _WithBlobs:
    """A source of the old server with the files of its blobs behind the entities.

    Args:
        source: of the entities.
        folder: of the blobs; below it are folders, one for each app.
        key_of: returns the key of an entity.
    """

    def __init__(
        self, source: Source, folder: Path, key_of: Callable[[bytes], EntityKey | None]
    ) -> None:
        self._source = source
        self._folder = folder
        self._key_of = key_of
        self.name: str = source.name
        self.size: int = source.size

    def records(self) -> Iterator[tuple[int, Record]]:
        names: dict[str, None] = {}
        for position, record in self._source.records():
            yield position, record
            # Most need not be parsed to know that they are of another kind.
            if isinstance(record, Entity) and _BLOB_TRACE.search(record.body):
                key = self._key_of(record.body)
                if key is not None and key.kind in BLOB_KINDS:
                    names[str(ordering.decode_path(key.path)[-1][1])] = None
        for name in names:
            for record in self._blob(name):
                yield self.size, record

    def _blob(self, name: str) -> Iterator[Record]:
        # Below the folder itself no link is followed, at no step.
        for folder in sorted(self._folder.resolve().iterdir()):
            path = file_of(folder, name)
            if path is not None and path.is_file() and path.resolve() == path:
                yield from blob_records(name, path)
                return


def blob_records(key: str, path: Path) -> Iterator[Record]:
    """Yield the records of a blob that is a file; none when it is gone.

    Raises:
        BadRecord: it cannot be read, or became shorter meanwhile.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    except OSError as error:
        raise BadRecord(f"the blob {key} cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(descriptor).st_size
        yield Blob(key, size)
        while size:
            data = file.read(min(size, PIECE_BYTES))
            if not data:
                raise BadRecord(f"the blob {key} was changed while it was read")
            yield BlobPiece(data)
            size -= len(data)


class Opening:
    """Opens a source, and gives everything back at the end of a `with`.

    Args:
        path: a file, or a folder of the old server or of an export.
        open_database: opens the old server's SQLite file.
        key_of: returns the key of an entity, None for what is none.
        blobs: the folder of the old server's blobs; None for `blobs` beside its data.

    Raises:
        ConfigurationError: it is nothing that can be imported, or cannot be read.
    """

    def __init__(
        self,
        path: Path,
        open_database: Callable[[Path], OldDatabase],
        key_of: Callable[[bytes], EntityKey | None],
        blobs: Path | None = None,
    ) -> None:
        self._path = path
        self._open_database = open_database
        self._key_of = key_of
        self._blobs = blobs
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Source:
        try:
            return self._open(self._path)
        except OSError as error:
            self._stack.close()
            raise ConfigurationError(
                f"{self._path} cannot be read: {error.strerror or error}"
            ) from error
        except BadRecord as error:
            self._stack.close()
            raise ConfigurationError(f"{self._path}: {error}") from None
        except BaseException:
            self._stack.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _open(self, path: Path) -> Source:
        if path.is_dir():
            if (path / OLD_DATABASE).is_file():
                return self._open(path / OLD_DATABASE)
            return _Export(_logs_below(path), str(path))
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigurationError(
                f"{path} is not a file: an import reads it twice, so write it to one"
            )
        file = self._stack.enter_context(path.open("rb"))
        beginning = file.read(BLOCK_BYTES)
        file.seek(0)
        if beginning.startswith(FAMILY):
            return DataReader(file, str(path))
        if beginning.startswith(_SQLITE):
            database = self._open_database(path)
            self._stack.callback(database.close)
            return self._with_blobs(_OldSqlite(database, str(path)))
        if begins_as_log(beginning):
            return _Export([path], str(path))
        if beginning.startswith(_PICKLES):
            return self._with_blobs(_OldFile(file, str(path)))
        raise ConfigurationError(
            f"{path} is nothing that can be imported: that is a file of channelshim "
            "data export, the old server's datastore.db, or output files of a "
            "managed export"
        )

    def _with_blobs(self, source: Source) -> Source:
        folder = self._blobs or Path(source.name).parent / OLD_BLOBS
        if folder.is_dir():
            return _WithBlobs(source, folder, self._key_of)
        if self._blobs is not None:
            raise ConfigurationError(f"{folder} is not a folder of blobs")
        return source


def _logs_below(folder: Path) -> Sequence[Path]:
    """Return the output files of an export, in a stable order.

    Raises:
        ConfigurationError: there are none.
    """
    found = [
        path
        for path in sorted(folder.rglob("*output-*"))
        if path.is_file() and not path.name.endswith("_metadata")
    ]
    if not found:
        raise ConfigurationError(
            f"{folder} is nothing that can be imported: it has neither the old "
            "server's datastore.db nor output files of a managed export"
        )
    return found
