"""The log's lines: those of requests in batches, all others at once, all in order.

A line for each request costs more than most requests when it is made and written by
itself: a record, its formatting, a call of the kernel. So lines of requests are noted
as they are, and formatted and written together, in a thread of their own, a moment
later.

Theory. Every line passes through one handler. Notes wait in a queue in the order in
which they were taken. Any other record first writes all notes before it, then itself,
under the handler's lock, so that what is written is in the order of the calls. A note
is taken from the queue only under that lock and written before it is released: none
is written twice or lost. Whoever ends the process flushes; a crash loses the notes of
at most BATCH_SECONDS. Explored by tests/runtime/test_log_lines.py, against a handler
that writes each line at once.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING, Any, Final

from channelshim.runtime.environment import is_in_request
from channelshim.runtime.log_ring import LogRing
from channelshim.runtime.log_text import block

BATCH_SECONDS: Final = 0.1
"""How long a note may wait: a person who looks at the log does not see it."""

MOST_NOTES: Final = 50_000
"""Notes that wait when nobody reads what is written; later ones are counted, not kept.

Written at once they would hold up the thread that answers everybody."""

FLUSH_SECONDS: Final = 0.5
"""How long an end at once may wait for the log."""

if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[IO[str]]
else:
    # Python 3.10 takes no parameters for it.
    _StreamHandler = logging.StreamHandler

Describe = Callable[..., str]
Note = tuple[float, Describe, tuple[Any, ...]]


class LineHandler(_StreamHandler):
    """Writes records at once and notes in batches; see the module.

    Args:
        formatter: makes the text of a record; what is around its message must depend
            on level, name and time alone, and the message be as log_text.block leaves
            it.
        filters: may add to a record, and let each one pass.
        name: of the logger whose records the notes would be, at INFO.
        takes_notes: False has each line written at once, as a terminal needs it.
        stream: takes the lines; None means standard error.

    Attributes:
        ring: keeps the latest lines.
    """

    def __init__(
        self,
        formatter: logging.Formatter,
        filters: Iterable[logging.Filter] = (),
        *,
        name: str,
        takes_notes: bool = True,
        stream: IO[str] | None = None,
    ) -> None:
        super().__init__(sys.stderr if stream is None else stream)
        self.setFormatter(formatter)
        for each in filters:
            self.addFilter(each)
        # An app may put its own in their place: then notes would go around them.
        self._own = (formatter, list(self.filters))
        self._logger_name = name
        self.ring: LogRing = LogRing(name)
        self._takes_notes = takes_notes
        self._notes: deque[Note] = deque()
        self._dropped = 0
        self._has_notes = threading.Event()
        self._writer: threading.Thread | None = None
        # The text around a note's message, for the second it was made for.
        self._second = -1
        self._around = ("", "", "")

    def takes_from(self, logger: logging.Logger) -> bool:
        """Return whether a note says all that a record of logger at INFO would.

        False when anybody else hears of its records, or changes them: then a record
        must be made.
        """
        if not self._takes_notes or self.level > logging.INFO or is_in_request():
            return False
        if (self.formatter, self.filters) != self._own:
            return False
        if logging.getLogRecordFactory() is not logging.LogRecord:
            return False
        above: logging.Logger | None = logger
        while above is not None and above.propagate:
            if above.filters or (above.handlers and above.handlers != [self]):
                return False
            if above.handlers:
                return above.parent is None
            above = above.parent
        return False

    def note(self, describe: Describe, *facts: Any) -> None:
        """Have a line written soon. Any thread; costs an append.

        Args:
            describe: makes the message of the facts, in another thread.
            *facts: must not change.
        """
        if len(self._notes) >= MOST_NOTES:
            self._dropped += 1
            return
        self._notes.append((time.time(), describe, facts))
        if not self._has_notes.is_set():
            self._has_notes.set()
            if self._writer is None:
                self._start()

    def emit(self, record: logging.LogRecord) -> None:
        """Write what was noted before, and a record."""
        if self._notes:
            self._write_notes()
        try:
            self.ring.record(record)
        except Exception:
            # What cannot be made at all is told of once, by the call below.
            if _can_be_made(record):
                self.handleError(record)
        super().emit(record)

    def flush(self) -> None:
        """Write what was noted."""
        self.acquire()
        try:
            if self._notes:
                self._write_notes()
            super().flush()
        finally:
            self.release()

    def _start(self) -> None:
        self.acquire()
        try:
            if self._writer is None:
                # A daemon: it must not keep a process alive; logging.shutdown flushes.
                writer = threading.Thread(
                    target=self._write_on, name="log", daemon=True
                )
                writer.start()
                self._writer = writer
        except RuntimeError:
            # The system has no thread to give: the next note asks again.
            self._has_notes.clear()
        finally:
            self.release()

    def _write_on(self) -> None:
        while True:
            # Whatever is raised here, nobody else writes what is noted later.
            with contextlib.suppress(BaseException):
                self._has_notes.wait()
                time.sleep(BATCH_SECONDS)
                # Cleared before anything is taken: what comes later signals again.
                self._has_notes.clear()
                self.flush()

    def _write_notes(self) -> None:
        """Write the notes that are here. Within the lock."""
        notes = self._notes
        lines = [self._line(*notes.popleft()) for _ in range(len(notes))]
        if self._dropped:
            count, self._dropped = self._dropped, 0
            sentence = f"{count} requests are not in the log: nobody read it in time"
            lines.append(self._line(time.time(), str, (sentence,)))
        try:
            self.stream.write("".join(lines))
            self.stream.flush()
        except Exception:
            self.handleError(self._record(time.time()))

    def _line(self, created: float, describe: Describe, facts: tuple[Any, ...]) -> str:
        second = int(created)
        if second != self._second:
            self._around = self._text_around(second)
            self._second = second
        try:
            message = describe(*facts)
        except Exception as error:
            message = f"a line of the log could not be made: {error!r}"
        self.ring.note(created, message)
        if not message.isprintable():
            # Most are, and are left as they are.
            message = block(message)
        before, behind, end = self._around
        if not behind:
            return f"{before}{message}{end}"
        return f"{before},{int((created - second) * 1000):03d}{behind}{message}{end}"

    def _text_around(self, second: int) -> tuple[str, str, str]:
        """Return what stands before the milliseconds, before the message, behind it.

        A record's own text has it all, whatever the formatter puts there.
        """
        head, _, tail = self.format(self._record(second)).partition(_MESSAGE)
        before, _, behind = head.partition(",000")
        return before, behind, tail + self.terminator

    def _record(self, created: float) -> logging.LogRecord:
        record = logging.LogRecord(
            self._logger_name, logging.INFO, "", 0, _MESSAGE, None, None
        )
        record.created = created
        record.msecs = 0.0
        self.filter(record)
        return record


def _can_be_made(record: logging.LogRecord) -> bool:
    try:
        record.getMessage()
    except Exception:
        return False
    return True


def flush() -> None:
    """Write all that the log still holds: before the process is ended at once.

    Whoever reads the log may have stopped: then it is given up after FLUSH_SECONDS.
    """
    with contextlib.suppress(RuntimeError):
        writer = threading.Thread(target=_flush_all, name="log-flush", daemon=True)
        writer.start()
        writer.join(FLUSH_SECONDS)


def _flush_all() -> None:
    for handler in logging.getLogger().handlers:
        handler.flush()


_MESSAGE: Final = "<message of a note>"
