"""Blobs in the store, where every machine sees them."""

from __future__ import annotations

from typing import IO, Protocol


class Blobs(Protocol):
    """The bytes of blobs; what is known of them are entities. Any thread.

    Every method raises StorageError, and has changed nothing, when the store refuses;
    so does reading from what `open` returns.
    """

    def put(self, key: str, stream: IO[bytes]) -> None:
        """Store what a stream has from where it stands, instead of an older one."""

    def open(self, key: str) -> IO[bytes]:
        """Return a blob's bytes as a file to read, which seeks.

        Raises:
            FileNotFoundError: there is no such blob.
        """

    def delete(self, key: str) -> None:
        """Remove a blob; nothing happens when there is none."""
