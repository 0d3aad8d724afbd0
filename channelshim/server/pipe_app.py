"""The end of the pipe in an app process: takes requests, sends answers and messages.

One thread reads. Whoever has something to send writes it, under one lock, and first of
all the messages that handlers have sent by then: so no answer overtakes a message that
was sent before it, and what was answered is with the front whatever happens to this
process. Messages that no answer follows soon are sent by a thread that waits a moment.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from channelshim.broker.pipe import PipeSender
from channelshim.errors import BrokenFrame, BrokerError
from channelshim.kernel.threads import Threads
from channelshim.protocol.pipe_frames import (
    PART_BYTES,
    Flag,
    Frame,
    Kind,
    encode,
    opened,
)
from channelshim.server.pipe_socket import PipeSocket

MOST_LATER_NOTES: Final = 1000
"""Notes that wait; older ones are dropped."""

FLUSH_SECONDS: Final = 0.005
"""How long messages wait for the end of a handler that goes on sending: most end
before, and each piece that the front gets costs it a pass over all pages."""

_IDS_OF_A_FRAME: Final = 1024
"""A client id has some hundred bytes at most, and a message some thousand."""

_logger: Final = logging.getLogger("channelshim.server")

Handle = Callable[[Frame, "int | None"], None]
"""Takes a frame and the descriptor that came with it, if any, which it closes."""


class _Question:
    """A question to the front, and whoever waits for the answer."""

    def __init__(self) -> None:
        self._answered = threading.Event()
        self._texts: Sequence[str] = ()
        self._is_broken = True

    def take(self, frame: Frame) -> None:
        """Take the answer."""
        self._texts = opened(frame)[0]
        self._is_broken = bool(frame.flags & Flag.IS_BROKEN)
        self._answered.set()

    def wait(self) -> str:
        """Return the answer once it is there.

        Raises:
            BrokerError: the front cannot answer.
        """
        self._answered.wait()
        if self._is_broken or not self._texts:
            raise BrokerError(" ".join(self._texts) or "the front does not answer")
        return self._texts[0]


class AppPipe:
    """The app process's end of the pipe to its front.

    Args:
        connection: to the front; it blocks.
        threads: keeps the threads running.
        on_gone: called, once and in the reading thread, when the front has gone or
            sends what cannot be read. It ends the process.

    Attributes:
        messages: takes what handlers send.
    """

    def __init__(
        self,
        connection: socket.socket,
        threads: Threads,
        on_gone: Callable[[], None],
    ) -> None:
        self._pipe = PipeSocket(connection)
        self._threads = threads
        self._on_gone = on_gone
        self._turn = threading.Lock()
        self._has_messages = threading.Event()
        self.messages: PipeSender = PipeSender(self.ask, self._has_messages.set)
        self._later: deque[Sequence[str]] = deque(maxlen=MOST_LATER_NOTES)
        self._numbers = itertools.count(1)
        self._questions: dict[int, _Question] = {}
        self._handlers: dict[int, Handle] = {
            Kind.ANSWER: self._take_answer,
            Kind.FULL: self._take_full,
        }
        # Of the reading thread: monotonic seconds, a number, and what is called then.
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)

    # --- Reading ------------------------------------------------------------------

    def read_setup(self) -> bytes:
        """Return what the first frame says. Before `start`.

        Raises:
            EOFError: the front has gone.
            BrokenFrame: it is another one.
        """
        frames: list[Any] = []
        while not frames:
            frames = self._pipe.receive()
        (frame, _), *rest = frames
        if frame.kind != Kind.SETUP or rest:
            raise BrokenFrame("the first frame does not set up the process")
        return opened(frame)[1]

    def start(self) -> None:
        """Read in a thread from now on, and send messages that wait."""
        self._threads.start("pipe", self._read)
        self._threads.start("pipe-messages", self._send_messages)

    def handle(self, handlers: Mapping[int, Handle]) -> None:
        """Have frames of these kinds handled from now on, in the reading thread."""
        self._handlers.update(handlers)

    def call_later(self, seconds: float, function: Callable[[], None]) -> None:
        """Have function called in the reading thread; asked in that thread."""
        due = time.monotonic() + seconds
        heapq.heappush(self._timers, (due, next(self._numbers), function))

    def _read(self) -> None:
        while True:
            if self._timers:
                self._run_timers()
            try:
                for frame, descriptor in self._pipe.receive():
                    self._handle(frame, descriptor)
            except (EOFError, OSError):
                break
            except BrokenFrame:
                _logger.exception("the front cannot be understood")
                break
        self._on_gone()

    def _handle(self, frame: Frame, descriptor: int | None) -> None:
        handle = self._handlers.get(frame.kind)
        if handle is None:
            raise BrokenFrame(f"a frame of kind {frame.kind} does not belong here")
        try:
            handle(frame, descriptor)
        except BrokenFrame:
            raise
        except Exception:
            # Ours; those that come behind it are not to blame.
            _logger.exception("a frame of kind %d could not be handled", frame.kind)

    def _run_timers(self) -> None:
        """Call what is due until something can be read, or nothing is left."""
        while self._timers:
            left = self._timers[0][0] - time.monotonic()
            if left <= 0:
                heapq.heappop(self._timers)[2]()
            elif self._poll.poll(left * 1000):
                return

    # --- Sending ------------------------------------------------------------------

    def send(
        self,
        kind: int,
        number: int = 0,
        texts: Sequence[str] = (),
        body: bytes = b"",
        flags: int = 0,
    ) -> None:
        """Send a frame, messages first; a long body in parts. Any thread.

        Waits while the front does not read. When the front has gone nothing is sent:
        the process ends.

        Raises:
            BrokenFrame: the texts are too long.
        """
        last = body[:PART_BYTES] if len(body) > PART_BYTES else body
        if last is not body:
            at = len(body) - len(body) % PART_BYTES
            last = body[at:]
        # First: what is too long must not leave half an answer behind.
        frame = encode(kind, number, texts, last, flags)
        with self._turn, contextlib.suppress(OSError):
            if self.messages.is_pending:
                self._send_pending()
            for begin in range(0, len(body) - len(last), PART_BYTES):
                part = body[begin : begin + PART_BYTES]
                self._pipe.socket.sendall(encode(Kind.PART, number, (), part))
            self._pipe.socket.sendall(frame)

    def send_file(
        self, kind: int, number: int, texts: Sequence[str], descriptor: int
    ) -> None:
        """Send a frame with a file; as `send` otherwise. The caller closes the file."""
        data = encode(kind, number, texts, b"", Flag.HAS_FILE)
        with self._turn, contextlib.suppress(OSError):
            if self.messages.is_pending:
                self._send_pending()
            sent = self._pipe.send_with(data, descriptor)
            self._pipe.socket.sendall(data[sent:])

    def note(self, *texts: str) -> None:
        """Tell the front something. Any thread."""
        self.send(Kind.NOTE, 0, texts)

    def note_later(self, *texts: str) -> None:
        """Tell the front something soon. Any thread, inside of `send` too."""
        self._later.append(texts)
        self._has_messages.set()

    def ask(self, *texts: str) -> str:
        """Ask the front a question, and wait for the answer. Any thread but its own.

        Raises:
            BrokerError: the front cannot answer it.
        """
        number = next(self._numbers)
        question = self._questions[number] = _Question()
        try:
            self.send(Kind.ASK, number, texts)
            return question.wait()
        finally:
            del self._questions[number]

    def _take_answer(self, frame: Frame, _: int | None) -> None:
        question = self._questions.get(frame.number)
        if question is not None:
            question.take(frame)

    def _take_full(self, frame: Frame, _: int | None) -> None:
        self.messages.refuse(frame.number == 1)

    def _send_messages(self) -> None:
        while True:
            self._has_messages.wait()
            time.sleep(FLUSH_SECONDS)
            self._has_messages.clear()
            with self._turn, contextlib.suppress(OSError):
                if self.messages.is_pending:
                    self._send_pending()
            while self._later:
                with contextlib.suppress(BrokenFrame, IndexError):
                    self.note(*self._later.popleft())

    def _send_pending(self) -> None:
        """Send what was published. Within the turn."""
        for text, client_ids in self.messages.take():
            body = text.encode("utf-8", "surrogatepass")
            for begin in range(0, len(client_ids), _IDS_OF_A_FRAME):
                ids = client_ids[begin : begin + _IDS_OF_A_FRAME]
                try:
                    frame = encode(Kind.PUBLISH, 0, ids, body)
                except BrokenFrame as error:
                    _logger.error("a message is dropped: %s", error)
                else:
                    self._pipe.socket.sendall(frame)
