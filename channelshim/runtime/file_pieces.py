"""A file on its way to a reader, who may be slow."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Final

WHOLE_BYTES: Final = 64 << 10
"""A file of so many bytes at most is read at once and sent in one write, as any other
answer of its length would be; the kernel copies them in some 10 µs."""

Identity = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file as it was when its answer was made.

    Attributes:
        path: absolute.
        identity: from `identity_of`; what was said of the file is true as long as it
            has this one.
    """

    path: str
    identity: Identity


def identity_of(found: os.stat_result) -> Identity:
    """Return what is another once a file has changed, or another is in its place.

    The time of its change cannot be set back as the time of its contents can.
    """
    return (
        found.st_mtime_ns,
        found.st_ctime_ns,
        found.st_size,
        found.st_ino,
        found.st_dev,
        found.st_mode,
    )


class FilePieces(Iterator[bytes]):
    """An answer's body that is read from a disk.

    Its pieces need no code of the app's and wait for nobody: a server may fetch them
    without a worker, however slow their reader is.

    Args:
        pieces: what reads them; closed at the end where it can be.
        file: what they are read from, at their beginning; None where there is no
            descriptor to read from.
        length: of all pieces, in bytes.
        facts: given for a whole file that each plain GET of this address gets, whoever
            asks, as long as it stays as it is.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        file: IO[bytes] | None = None,
        length: int = 0,
        facts: FileFacts | None = None,
    ) -> None:
        self._pieces = pieces
        self._iterator = iter(pieces)
        self._file = file
        self._whole: bytes | None = None
        self.length: Final = length
        self.facts: Final = facts

    def __next__(self) -> bytes:
        """Return the next piece."""
        return next(self._iterator)

    def load(self) -> None:
        """Read the whole, if it is short. In a thread that may wait for a disk."""
        if self._file is None or self.length <= WHOLE_BYTES:
            self._whole = b"".join(self._iterator)

    def whole(self) -> bytes | None:
        """Return the whole if it was loaded."""
        return self._whole

    def place(self) -> tuple[int, int] | None:
        """Return the descriptor, and where in it the pieces begin; None without one.

        Only before the first piece.
        """
        if self._file is None:
            return None
        return self._file.fileno(), self._file.tell()

    def close(self) -> None:
        """Close the file."""
        closed = self._pieces if self._file is None else self._file
        close = getattr(closed, "close", None)
        if close is not None:
            close()


def pieces_of(file: IO[bytes], length: int) -> Iterator[bytes]:
    """Yield so many bytes of a file, from where it stands."""
    while length > 0 and (piece := file.read(min(WHOLE_BYTES, length))):
        length -= len(piece)
        yield piece


def read_cached(descriptor: int, length: int, offset: int = 0) -> bytes | None:
    """Return bytes of a file if reading them waits for no disk; None otherwise.

    Also None where the kernel or the file system cannot tell (networks cannot), and
    where fewer are there.
    """
    if sys.platform != "linux":
        return None
    data = bytearray(length)
    try:
        count = os.preadv(descriptor, [data], offset, os.RWF_NOWAIT)
    except OSError:
        return None
    return bytes(data) if count == length else None
