"""A file on its way to a reader, who may be slow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class FilePieces(Iterator[bytes]):
    """An answer's body that is read from a disk.

    Its pieces need no code of the app's and wait for nobody: a server may fetch them
    without a worker, however slow their reader is.

    Args:
        pieces: what reads them; closed at the end where it can be.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self._iterator = iter(pieces)

    def __next__(self) -> bytes:
        """Return the next piece."""
        return next(self._iterator)

    def close(self) -> None:
        """Close the file."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
