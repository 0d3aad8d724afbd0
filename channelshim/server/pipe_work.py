"""What an app process is asked to do, and what becomes of it. Loop thread."""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from channelshim import limits
from channelshim.contracts.dispatcher import InternalRequest, InternalResponse
from channelshim.errors import BrokenFrame
from channelshim.protocol.pipe_frames import PART_BYTES, Flag, Frame, Kind, opened
from channelshim.protocol.pipe_messages import (
    Head,
    dispatch_texts,
    head_of,
    natural,
    request_texts,
)
from channelshim.runtime.file_pieces import FilePieces, pieces_of
from channelshim.server.executor import RESPONSE_PIECES
from channelshim.server.pipe_link import Link

if TYPE_CHECKING:
    from channelshim.server.exchange import Exchange

MAXIMUM_ANSWER_BYTES: Final = 1 << 30
"""Of one answer's parts, which the front holds; a streamed one has no bound."""

_GONE: Final = b"The process that was to answer has ended; please try again.\n"
_REPEATABLE: Final = frozenset({"GET", "HEAD"})
_PRESENCE: Final = frozenset({limits.PATH_CONNECTED, limits.PATH_DISCONNECTED})
_PRESENCE_TRIES: Final = 3
"""The app must hear who is connected; at least once, as after any crash."""


class Work:
    """Something that one process is asked and answers.

    Attributes:
        link: to the process that has it; None while it waits.
        is_internal: whether it is the platform's own.
    """

    __slots__ = ("_parts", "_parts_bytes", "link", "number")

    is_internal = True

    def __init__(self) -> None:
        self.link: Link | None = None
        self.number: int = 0
        self._parts: list[bytes] = []
        self._parts_bytes = 0

    def begin(self, link: Link, number: int) -> None:
        """Ask a process.

        Raises:
            BrokenFrame: what is asked is too long to be sent.
        """
        self.link = link
        self.number = number
        self._parts = []
        self._parts_bytes = 0
        self._send(link)

    def _send(self, link: Link) -> None:
        raise NotImplementedError

    def take_part(self, part: bytes) -> None:
        """Take a part of a body whose last part comes with the answer."""
        self._parts_bytes += len(part)
        if self._parts_bytes > MAXIMUM_ANSWER_BYTES:
            raise BrokenFrame("an answer that is too long")
        self._parts.append(part)

    def _body(self, last: bytes) -> bytes:
        if not self._parts:
            return last
        parts, self._parts = self._parts, []
        return b"".join((*parts, last))

    def take(self, frame: Frame, descriptor: int | None) -> None:
        """Take the end of the answer.

        Args:
            frame: that says so.
            descriptor: that came with it; the callee's to close, unless it raises.

        Raises:
            BrokenFrame: this is no answer to what was asked.
        """
        raise NotImplementedError

    def take_loss(self) -> bool:
        """Note that the process has ended; return whether to ask another one."""
        raise NotImplementedError

    def give_up(self, status: HTTPStatus) -> None:
        """Answer in the place of the process, which nobody waits for any more."""
        raise NotImplementedError


class Forwarded(Work):
    """A request from outside; what its Exchange calls its worker.

    Args:
        exchange: takes the answer.
    """

    __slots__ = ("_credit", "_exchange", "_is_repeated", "_length")

    is_internal = False

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self._exchange = exchange
        self._length = int(exchange.environ.get("CONTENT_LENGTH") or 0)
        self._is_repeated = False
        self._credit = RESPONSE_PIECES

    @property
    def title(self) -> str:
        """Return its method and path."""
        return f"{self._exchange.environ['REQUEST_METHOD']} {self._exchange.path}"

    def _send(self, link: Link) -> None:
        environ = self._exchange.environ
        texts = request_texts(environ, self._length)
        body = environ["wsgi.input"]
        if self._length <= PART_BYTES:
            data = body.read() if self._length else b""
            link.send(Kind.REQUEST, self.number, texts, data)
            return
        try:
            # Where the file itself stands, whatever is buffered of it here.
            os.lseek(body.fileno(), 0, os.SEEK_SET)
        except (OSError, io.UnsupportedOperation):
            link.send(Kind.REQUEST, self.number, texts, body.read())
        else:
            link.send_file(Kind.REQUEST, self.number, texts, body)

    # --- exchange.Worker ------------------------------------------------------------

    def give_room(self) -> None:
        """See exchange.Worker."""
        self._credit += 1
        if self.link is not None:
            self.link.send(Kind.CREDIT, self.number)

    def abandon(self) -> None:
        """See exchange.Worker."""
        if self.link is not None:
            self.link.send(Kind.CANCEL, self.number)

    # --- From the process -----------------------------------------------------------

    def take_piece(self, frame: Frame) -> None:
        """Take a piece of the answer.

        Raises:
            BrokenFrame: it is more than was asked for.
        """
        texts, piece = opened(frame)
        self._credit -= 1
        if self._credit < 0:
            raise BrokenFrame("more of an answer than was asked for")
        self._exchange.take_piece(head_of(texts), self._body(piece))

    def take(self, frame: Frame, descriptor: int | None) -> None:
        """See Work."""
        if (frame.kind == Kind.END) != self._exchange.is_streamed:
            raise BrokenFrame("an answer whose end is of another kind")
        texts, body = opened(frame)
        if frame.kind == Kind.FILE and descriptor is not None and len(texts) > 2:
            self._take_file(texts, descriptor)
        elif descriptor is not None:
            raise BrokenFrame("a file with an answer that is none")
        elif frame.kind == Kind.WHOLE:
            self._exchange.take_whole(head_of(texts), self._body(body))
        elif frame.kind == Kind.END:
            is_broken = bool(frame.flags & Flag.IS_BROKEN)
            self._exchange.end_pieces(is_broken=is_broken)
        else:
            raise BrokenFrame("a request is not answered so")

    def _take_file(self, texts: Sequence[str], descriptor: int) -> None:
        offset, length = natural(texts[0]), natural(texts[1])
        head = head_of(texts[2:])
        # Reading from anything else could hold up the loop.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BrokenFrame("an answer from what is no file")
        try:
            os.lseek(descriptor, offset, os.SEEK_SET)
        except OSError as error:
            raise BrokenFrame("an answer from beyond a file") from error
        file = os.fdopen(descriptor, "rb")
        pieces = FilePieces(pieces_of(file, length), file, length)
        self._exchange.take_file(head, pieces)

    def take_loss(self) -> bool:
        """See Work."""
        self.link = None
        is_plain = (
            self._exchange.environ["REQUEST_METHOD"] in _REPEATABLE and not self._length
        )
        if is_plain and not self._is_repeated and not self._exchange.is_streamed:
            self._is_repeated = True
            return True
        self.give_up(HTTPStatus.BAD_GATEWAY)
        return False

    def give_up(self, status: HTTPStatus) -> None:
        """See Work."""
        exchange = self._exchange
        self.link = None
        if exchange.is_streamed:
            exchange.end_pieces(is_broken=True)
        elif status == HTTPStatus.INTERNAL_SERVER_ERROR:
            exchange.take_whole(None, b"")
        else:
            exchange.take_whole(_sentence_head(status), _GONE)


def _sentence_head(status: HTTPStatus) -> Head:
    return (
        f"{status.value} {status.phrase}",
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("X-Content-Type-Options", "nosniff"),
        ],
    )


class Call(Work):
    """A request of the platform's own, and the thread that waits for its answer.

    Args:
        request: what to ask.
        seconds: within which its handler is to end; None for no bound.
        tries: processes that are asked, one after the end of the other; 0 for as many
            as fit the request.
    """

    __slots__ = ("_answered", "_request", "_response", "_tries", "seconds")

    def __init__(
        self, request: InternalRequest, seconds: float | None, tries: int = 0
    ) -> None:
        super().__init__()
        self._request = request
        self.seconds: float | None = seconds
        self._answered = threading.Lock()
        self._answered.acquire()
        self._response = InternalResponse(HTTPStatus.SERVICE_UNAVAILABLE, (), b"")
        self._tries = tries or _tries(request)

    @property
    def title(self) -> str:
        """Return its method and path."""
        return f"{self._request.method} {self._request.path.partition('?')[0]}"

    def wait(self) -> InternalResponse:
        """Return the answer once it is there. Any thread but the loop's."""
        self._answered.acquire()
        return self._response

    def _send(self, link: Link) -> None:
        texts = dispatch_texts(self._request, self.seconds)
        link.send(Kind.DISPATCH, self.number, texts, self._request.body)

    def take(self, frame: Frame, descriptor: int | None) -> None:
        """See Work."""
        texts, body = opened(frame)
        head = head_of(texts)
        if frame.kind != Kind.RESPONSE or head is None or descriptor is not None:
            raise BrokenFrame("a request of the platform's own is not answered so")
        status, headers = natural(head[0]), tuple(head[1])
        self._end(InternalResponse(status, headers, self._body(body)))

    def take_loss(self) -> bool:
        """See Work."""
        self.link = None
        self._tries -= 1
        if self._tries > 0:
            return True
        self.give_up(HTTPStatus.BAD_GATEWAY)
        return False

    def give_up(self, status: HTTPStatus) -> None:
        """See Work."""
        self._end(InternalResponse(status, (), b""))

    def _end(self, response: InternalResponse) -> None:
        self.link = None
        self._response = response
        self._answered.release()


def _tries(request: InternalRequest) -> int:
    if request.path in _PRESENCE:
        return _PRESENCE_TRIES
    return 2 if request.method in _REPEATABLE else 1


class Question(Work):
    """A question to a process, and the thread that waits for the answer.

    Args:
        *texts: its name, and what goes with it.
    """

    __slots__ = ("_answer", "_answered", "_texts")

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self._texts = texts
        self._answered = threading.Event()
        self._answer: Sequence[str] = ()

    def wait(self, seconds: float) -> Sequence[str]:
        """Return the answer; nothing where none comes in time."""
        self._answered.wait(seconds)
        return self._answer

    def _send(self, link: Link) -> None:
        link.send(Kind.ASK, self.number, self._texts)

    def take(self, frame: Frame, descriptor: int | None) -> None:
        """See Work."""
        if frame.kind != Kind.ANSWER or descriptor is not None:
            raise BrokenFrame("a question is not answered so")
        self._answer = opened(frame)[0]
        self._answered.set()

    def take_loss(self) -> bool:
        """See Work."""
        self._answered.set()
        return False

    def give_up(self, status: HTTPStatus) -> None:
        """See Work."""
        self._answered.set()
