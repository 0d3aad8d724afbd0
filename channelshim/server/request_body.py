"""The body of a request, kept on the loop before a worker thread is asked.

A slow upload costs no thread, one cut short never reaches the app, and what is longer
than form_bounds.BODY_MEMORY_BYTES waits on disk. How slow it may be, and how many are
received at once, the connection sees to.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import tempfile
from collections.abc import Callable
from http import HTTPStatus
from typing import IO, Final

from channelshim.appserver import form_bounds

_logger: Final = logging.getLogger("channelshim.server")

OnEnd = Callable[[], None]


class Upload:
    """Receives the body of one request. Loop thread.

    Theory. A piece is written where it belongs before its connection reads the next
    one, so nothing piles up: beside the file, a body holds one turn of its connection.
    It ends once: whole, or refused with a status. `write`, `finish` and `cut` are
    called within the parser, which takes an exception for a bad request; who waits for
    the end is told outside of it, by `settle`.

    Args:
        length: what the head says, in bytes; None for a body in chunks.

    Attributes:
        length: as given.
        size: bytes that have come.
        is_whole: whether all have.
        refusal: the status to answer instead; None for none.
    """

    __slots__ = (
        "_file",
        "_is_on_disk",
        "_maximum_bytes",
        "_on_end",
        "is_whole",
        "length",
        "refusal",
        "size",
    )

    def __init__(self, length: int | None) -> None:
        self.length: Final = length
        self.size: int = 0
        self.is_whole: bool = False
        self.refusal: HTTPStatus | None = None
        # None once it is handed over, or nobody wants it.
        self._file: IO[bytes] | None = io.BytesIO()
        self._is_on_disk = False
        self._maximum_bytes = sys.maxsize
        self._on_end: OnEnd | None = None

    # --- The connection's side ------------------------------------------------------

    def write(self, piece: bytes) -> None:
        """Take the next piece."""
        if self._file is None:
            return
        self.size += len(piece)
        if self.size > self._maximum_bytes:
            self.cut(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        try:
            self._keep(self._file, piece)
        except OSError as error:
            self._fail(error)

    def _keep(self, file: IO[bytes], piece: bytes) -> None:
        if self.size > form_bounds.BODY_MEMORY_BYTES and not self._is_on_disk:
            begun = file
            # Before anything is written: it is closed with the upload.
            self._file = file = tempfile.TemporaryFile()
            self._is_on_disk = True
            begun.seek(0)
            file.write(begun.read())
        file.write(piece)

    def finish(self) -> None:
        """Note that all has come."""
        if self.refusal is not None:
            return
        try:
            if self._file is not None:
                # Only now may a full disk say so.
                self._file.seek(0)
        except OSError as error:
            self._fail(error)
        else:
            self.is_whole = True

    def _fail(self, error: OSError) -> None:
        _logger.error("a body could not be kept and is refused with 503: %s", error)
        self.cut(HTTPStatus.SERVICE_UNAVAILABLE)

    def cut(self, refusal: HTTPStatus) -> None:
        """Take no more.

        Args:
            refusal: what the peer is answered, if it is still there.
        """
        if self.refusal is None and not self.is_whole:
            self.refusal = refusal
            self.drop()

    def settle(self) -> None:
        """Tell who waits for it, if it has ended."""
        if self.is_whole or self.refusal is not None:
            on_end, self._on_end = self._on_end, None
            if on_end is not None:
                on_end()

    # --- The reader's side ----------------------------------------------------------

    def read(self, maximum_bytes: int, on_end: OnEnd) -> None:
        """Have on_end called once it has ended, at once if it has.

        Args:
            maximum_bytes: what is longer is refused with 413, by its head if that says.
            on_end: called on the loop, once.
        """
        self._maximum_bytes = maximum_bytes
        self._on_end = on_end
        if max(self.size, self.length or 0) > maximum_bytes:
            self.is_whole = False
            self.cut(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self.settle()

    def take(self) -> tuple[IO[bytes], bool]:
        """Return the whole body at its beginning, and whether to close it soon.

        The caller closes the file.
        """
        assert self.is_whole
        assert self._file is not None
        file, self._file = self._file, None
        return file, self._is_on_disk

    def drop(self) -> None:
        """Keep nothing: nobody reads it."""
        file, self._file = self._file, None
        if file is not None:
            # What it could not write matters no more.
            with contextlib.suppress(OSError):
                file.close()
