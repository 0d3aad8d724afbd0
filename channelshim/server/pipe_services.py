"""What app processes have of their front: messages, notes and questions."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from channelshim.contracts.broker import MessageSender
from channelshim.errors import BrokenFrame, BrokerError, ChannelShimError
from channelshim.kernel.threads import Threads
from channelshim.protocol.pipe_frames import (
    Flag,
    Frame,
    Kind,
    divided,
    opened,
    unpack_texts,
)
from channelshim.server.pipe_link import Link

_logger: Final = logging.getLogger("channelshim.server")


@dataclass(frozen=True, slots=True)
class FrontServices:
    """What app processes have of their front.

    Attributes:
        messages: takes what they send. Any thread.
        questions: what they ask: name to what answers, with the texts that come with
            the name. Any thread; may wait.
        notes: what they tell, as questions. Any thread; waits for nothing.
    """

    messages: MessageSender
    questions: Mapping[str, Callable[..., str]]
    notes: Mapping[str, Callable[..., None]]


class PipeServices:
    """Takes frames that belong to no request.

    Args:
        services: of the front.
        call: has a function called on the loop, from any thread; returns whether there
            is a loop.
        threads: keeps the thread running that answers questions.
    """

    def __init__(
        self,
        services: FrontServices,
        call: Callable[[Callable[[], None]], bool],
        threads: Threads,
    ) -> None:
        self._services = services
        self._call = call
        self._threads = threads
        # The last list of client ids as it came, and the ids: most are sent again.
        self._receivers: tuple[bytes, list[str]] = (b"", [])
        self._asked: deque[tuple[Link, int, str, Sequence[str]]] = deque()
        self._has_asked = threading.Event()
        self._is_answering = False

    def take_messages(self, frame: Frame) -> None:
        """Publish a text. Any thread.

        Raises:
            BrokenFrame: it is none.
        """
        packed, body = divided(frame.payload)
        known, client_ids = self._receivers
        if packed != known:
            client_ids = unpack_texts(packed)
            self._receivers = packed, client_ids
        try:
            text = body.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise BrokenFrame("a message that is no text") from error
        publish = self._services.messages.publish
        try:
            for client_id in client_ids:
                publish(client_id, text)
        except BrokerError as error:
            # Its handler has gone on meanwhile.
            _logger.error("messages are lost: %s", error)

    def take_note(self, frame: Frame) -> None:
        """Take a note. Any thread.

        Raises:
            BrokenFrame: nobody knows or understands it.
        """
        name, facts = _named(frame)
        note = self._services.notes.get(name)
        if note is None:
            raise BrokenFrame(f"a note that nobody knows: {name[:40]!r}")
        try:
            note(*facts)
        except (TypeError, ValueError) as error:
            raise BrokenFrame(f"a note that nobody understands: {error}") from error

    def take_question(self, link: Link, frame: Frame, *, is_waiting: bool) -> None:
        """Answer a question.

        Args:
            link: to who asks.
            frame: the question.
            is_waiting: whether this thread is there for that process alone; otherwise
                another one answers.

        Raises:
            BrokenFrame: it has no name.
        """
        name, facts = _named(frame)
        if is_waiting:
            link.send(Kind.ANSWER, frame.number, *self._answer(name, facts))
            return
        self._asked.append((link, frame.number, name, facts))
        self._has_asked.set()
        if not self._is_answering:
            self._threads.start("pipe-questions", self._answer_all)
            self._is_answering = True

    def _answer_all(self) -> None:
        """Answer in a thread: the answer may wait for what is elsewhere."""
        while True:
            self._has_asked.wait()
            self._has_asked.clear()
            while self._asked:
                link, number, name, facts = self._asked.popleft()
                answer = self._answer(name, facts)
                self._call(partial(link.send, Kind.ANSWER, number, *answer))

    def _answer(self, name: str, facts: Sequence[str]) -> tuple[list[str], bytes, int]:
        """Return the texts, the body and the flags of an answer."""
        try:
            return [self._services.questions[name](*facts)], b"", 0
        except (ChannelShimError, LookupError, TypeError, ValueError) as error:
            return [str(error)], b"", Flag.IS_BROKEN


def _named(frame: Frame) -> tuple[str, Sequence[str]]:
    """Return the first text of a frame, and those behind it."""
    texts, _ = opened(frame)
    if not texts:
        raise BrokenFrame("a question or a note without a name")
    return texts[0], texts[1:]
