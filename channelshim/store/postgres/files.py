"""Blobs in pieces, so that every machine sees them."""

from __future__ import annotations

import io
import secrets
from typing import IO, TYPE_CHECKING, Final

from channelshim.store.postgres.connections import Database
from channelshim.store.postgres.session import Connection

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

STORE_PIECE_BYTES: Final = 256 << 10
"""Of a blob in one row: what a read of a part has to fetch and a write to hold."""


STORE_REPLACED_SECONDS: Final = 600
"""How long the pieces of a blob are kept after another took its place: whoever reads it
goes on."""

_WORD_BYTES: Final = 12


class PostgresBlobs:
    """The bytes of blobs: contracts.files.Blobs. Any process.

    A blob's pieces have a key of their own, drawn for each upload: readers of an older
    one never see a piece of the new one.

    Args:
        database: the store's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, key: str, stream: IO[bytes]) -> None:
        """Store what a stream has from where it stands, instead of an older one."""
        name, pieces = key.encode(), secrets.token_bytes(_WORD_BYTES)
        with self._database.write() as connection:
            size = number = 0
            while piece := _read_piece(stream):
                connection.run(
                    "INSERT INTO blob_piece VALUES (%s, %s, %s)",
                    (pieces, number, piece),
                )
                size, number = size + len(piece), number + 1
            # Its row is locked by whoever comes first.
            while not connection.run(
                "INSERT INTO blob VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (name, size, STORE_PIECE_BYTES, pieces),
            ):
                connection.run(
                    "WITH old AS (DELETE FROM blob WHERE key = %s "
                    "RETURNING coalesce(pieces, key) AS pieces) "
                    "INSERT INTO blob_replaced SELECT pieces, clock_timestamp() "
                    "FROM old ON CONFLICT DO NOTHING",
                    (name,),
                )
            _sweep(connection)

    def open(self, key: str) -> IO[bytes]:
        """Return a blob's bytes as a file to read.

        Raises:
            FileNotFoundError: there is no such blob.
        """
        with self._database.once() as connection:
            row = connection.row(
                "SELECT coalesce(pieces, key), size, piece_bytes FROM blob "
                "WHERE key = %s",
                (key.encode(),),
            )
        if row is None:
            raise FileNotFoundError(f"there is no blob {key!r}")
        pieces, size, piece_bytes = row
        raw = _BlobFile(self._database, bytes(pieces), size, piece_bytes)
        return io.BufferedReader(raw, piece_bytes)

    def delete(self, key: str) -> None:
        """Remove a blob; nothing happens when there is none."""
        with self._database.write() as connection:
            connection.run(
                "WITH old AS (DELETE FROM blob WHERE key = %s "
                "RETURNING coalesce(pieces, key) AS pieces) "
                "DELETE FROM blob_piece USING old WHERE blob_piece.key = old.pieces",
                (key.encode(),),
            )
            _sweep(connection)

    def clear(self) -> int:
        """Remove all; return how many there were."""
        with self._database.write() as connection:
            connection.run("DELETE FROM blob_replaced")
            connection.run("DELETE FROM blob_piece")
            return connection.run("DELETE FROM blob")


def _sweep(connection: Connection) -> None:
    """Remove pieces of blobs that were replaced long ago."""
    connection.run(
        "WITH old AS (DELETE FROM blob_replaced "
        "WHERE at < clock_timestamp() - %s * interval '1 second' RETURNING pieces) "
        "DELETE FROM blob_piece USING old WHERE blob_piece.key = old.pieces",
        (float(STORE_REPLACED_SECONDS),),
    )


def _read_piece(stream: IO[bytes]) -> bytes:
    """Return the next whole piece; a stream may give less at a time than it has."""
    parts: list[bytes] = []
    missing = STORE_PIECE_BYTES
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


class _BlobFile(io.RawIOBase):
    """A blob, read a piece at a time."""

    def __init__(
        self, database: Database, key: bytes, size: int, piece_bytes: int
    ) -> None:
        super().__init__()
        self._piece_bytes = piece_bytes
        self._database = database
        self._key = key
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a place and return it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}
        self._position = max(0, start[whence] + offset)
        return self._position

    def tell(self) -> int:
        """Return the place."""
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer from the piece at the place; return how many bytes that are."""
        view = memoryview(buffer).cast("B")
        if self._position >= self._size or not len(view):
            return 0
        number, offset = divmod(self._position, self._piece_bytes)
        with self._database.once() as connection:
            row = connection.row(
                "SELECT substring(data FROM %s::integer FOR %s::integer) "
                "FROM blob_piece WHERE key = %s AND number = %s",
                (offset + 1, min(len(view), self._piece_bytes), self._key, number),
            )
        if row is None:
            # Removed while it was read.
            raise FileNotFoundError("the blob is gone")
        data = bytes(row[0])
        view[: len(data)] = data
        self._position += len(data)
        return len(data)
