"""Requests in an app process: run as in a server's own threads, answered by a pipe."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from io import BytesIO
from typing import IO, Any, Final

from channelshim.contracts.dispatcher import Dispatcher, InternalRequest
from channelshim.errors import BrokenFrame
from channelshim.hub.pacing import Pacing
from channelshim.kernel.deadlines import Deadlines
from channelshim.kernel.threads import Threads
from channelshim.protocol.pipe_frames import Flag, Frame, Kind, opened
from channelshim.protocol.pipe_messages import (
    Head,
    dispatch_of,
    head_texts,
    request_of,
)
from channelshim.runtime.file_pieces import FilePieces
from channelshim.server.executor import Run, WsgiApp
from channelshim.server.pipe_app import AppPipe
from channelshim.server.workers import Workers

INTERNAL_THREADS: Final = 256
"""Requests of the platform's own at once; the front sends as many as its tasks, cron
jobs and presence reports have runners."""

_SAME_FOR_ALL: Final = {
    "wsgi.version": (1, 0),
    "wsgi.input_terminated": True,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    # Without it, WebOb copies each body into a temporary file.
    "webob.is_body_seekable": True,
}
"""What is no text in the environment of a request; see server.environ."""


class PipeExchange:
    """One request from the front, and its answer; see executor.Answering.

    Its calls are made in the thread that runs the app.

    Args:
        pipe: takes the answer.
        number: of the request.
        environ: the WSGI environment.
        body: closed when the app is done with it.
        done: called with the number when the answer is complete.

    Attributes:
        environ: as given.
        begun: monotonic seconds.
        path: of its address.
        call_soon: makes the call at once.
        worker: runs the app.
    """

    __slots__ = (
        "_body",
        "_done",
        "_has_head",
        "_number",
        "_pipe",
        "begun",
        "call_soon",
        "environ",
        "path",
        "worker",
    )

    def __init__(
        self,
        pipe: AppPipe,
        number: int,
        environ: dict[str, Any],
        body: IO[bytes],
        done: Callable[[int], None],
    ) -> None:
        self._pipe = pipe
        self._number = number
        self._body = body
        self._done = done
        self._has_head = False
        self.environ: dict[str, Any] = environ
        self.begun: float = time.monotonic()
        self.path: str = environ.get("PATH_INFO", "")
        self.call_soon: Callable[[Callable[[], None]], object] = _at_once
        self.worker: Run | None = None

    def take_whole(self, head: Head | None, body: bytes) -> None:
        """See Exchange."""
        self._end()
        try:
            self._pipe.send(Kind.WHOLE, self._number, _texts(head), body)
        except (BrokenFrame, TypeError):
            # Its headers are too long, or are no texts.
            self._pipe.send(Kind.WHOLE, self._number)
            raise

    def take_file(self, head: Head | None, file: FilePieces) -> None:
        """See Exchange."""
        whole, place = file.whole(), file.place()
        try:
            if whole is not None or place is None or head is None:
                self.take_whole(head, whole or b"")
                return
            self._end()
            descriptor, offset = place
            texts = [str(offset), str(file.length), *_texts(head)]
            self._pipe.send_file(Kind.FILE, self._number, texts, descriptor)
        finally:
            file.close()

    def take_piece(self, head: Head | None, piece: bytes) -> None:
        """See Exchange."""
        texts = [] if self._has_head else _texts(head)
        self._pipe.send(Kind.PIECE, self._number, texts, piece)
        self._has_head = True

    def end_pieces(self, *, is_broken: bool = False) -> None:
        """See Exchange."""
        self._end()
        if self._has_head:
            flags = Flag.IS_BROKEN if is_broken else 0
            self._pipe.send(Kind.END, self._number, flags=flags)
        else:
            # Not even its head could be sent.
            self._pipe.send(Kind.WHOLE, self._number)

    def _end(self) -> None:
        self.worker = None
        self._done(self._number)
        self._body.close()


def _texts(head: Head | None) -> list[str]:
    return [] if head is None else head_texts(*head)


def _at_once(function: Callable[[], None]) -> None:
    function()


class _LimitedRun(Run):
    """One request whose handler hears of its deadline; the front sees to the rest."""

    __slots__ = ("_deadlines", "_seconds")

    def __init__(
        self,
        app: WsgiApp,
        exchange: PipeExchange,
        pacing: Pacing,
        deadlines: Deadlines,
        seconds: float,
    ) -> None:
        super().__init__(app, exchange, pacing)
        self._deadlines = deadlines
        self._seconds = seconds

    def __call__(self) -> None:
        """Run the app and hand over what it answers."""
        with self._deadlines.limit(self._seconds):
            super().__call__()


class RequestServer:
    """Has the app answer what the front sends. Made when the app is loaded.

    Args:
        pipe: to the front.
        app: answers requests from outside.
        dispatcher: answers those of the platform's own.
        count: threads for requests from outside; the front sends no more at once.
        threads: keeps the threads running.
        deadlines: has the app's code hear of its deadline.
        deadline_seconds: of a request from outside; 0 for none.
        loaded_files: tells the paths of the files whose code was loaded.
        on_stop: called with the seconds that the end may take.
    """

    def __init__(
        self,
        pipe: AppPipe,
        app: WsgiApp,
        dispatcher: Dispatcher,
        *,
        count: int,
        threads: Threads,
        deadlines: Deadlines,
        deadline_seconds: float,
        loaded_files: Callable[[], Iterable[str]],
        on_stop: Callable[[float], None],
    ) -> None:
        self._pipe = pipe
        self._app = app
        self._dispatcher = dispatcher
        self._deadlines = deadlines
        self._deadline_seconds = deadline_seconds
        self._loaded_files = loaded_files
        self._on_stop = on_stop
        # Nobody in this process asks which handlers send.
        self._pacing = Pacing()
        workers = partial(
            Workers, threads=threads, call_later=pipe.call_later, yields=False
        )
        self._workers = workers(count)
        self._internal = workers(INTERNAL_THREADS)
        self._exchanges: dict[int, PipeExchange] = {}
        pipe.handle(
            {
                Kind.REQUEST: self._take_request,
                Kind.DISPATCH: self._take_dispatch,
                Kind.CREDIT: self._take_credit,
                Kind.CANCEL: self._take_cancel,
                Kind.ASK: self._take_question,
                Kind.STOP: self._take_stop,
            }
        )
        pipe.send(Kind.READY)

    # --- In the reading thread ----------------------------------------------------

    def _take_request(self, frame: Frame, descriptor: int | None) -> None:
        texts, inline = opened(frame)
        environ, _ = request_of(texts)
        body: IO[bytes] = BytesIO(inline)
        if descriptor is not None:
            body = os.fdopen(descriptor, "rb")
        environ.update(_SAME_FOR_ALL)
        environ["wsgi.input"] = body
        # A test may replace it, and so may an app.
        environ["wsgi.errors"] = sys.stderr
        exchange = PipeExchange(self._pipe, frame.number, environ, body, self._forget)
        run = Run(self._app, exchange, self._pacing)
        if self._deadline_seconds > 0:
            run = _LimitedRun(
                self._app,
                exchange,
                self._pacing,
                self._deadlines,
                self._deadline_seconds,
            )
        exchange.worker = run
        self._exchanges[frame.number] = exchange
        if not self._workers.submit(run):
            raise BrokenFrame("more requests than were asked for")

    def _forget(self, number: int) -> None:
        self._exchanges.pop(number, None)

    def _take_credit(self, frame: Frame, _: int | None) -> None:
        exchange = self._exchanges.get(frame.number)
        worker = exchange.worker if exchange is not None else None
        if worker is not None:
            worker.give_room()

    def _take_cancel(self, frame: Frame, _: int | None) -> None:
        exchange = self._exchanges.get(frame.number)
        worker = exchange.worker if exchange is not None else None
        if worker is not None:
            worker.abandon()

    def _take_dispatch(self, frame: Frame, descriptor: int | None) -> None:
        texts, body = opened(frame)
        if descriptor is not None:
            with os.fdopen(descriptor, "rb") as file:
                body = file.read()
        request, seconds = dispatch_of(texts, body)
        self._internal.submit(partial(self._dispatch, frame.number, request, seconds))

    def _take_question(self, frame: Frame, _: int | None) -> None:
        texts = opened(frame)[0]
        if texts[:1] != ["files"]:
            raise BrokenFrame("the front asks what nobody here knows")
        self._internal.submit(partial(self._tell_files, frame.number))

    def _take_stop(self, frame: Frame, _: int | None) -> None:
        # In milliseconds: a header has whole numbers.
        self._on_stop(frame.number / 1000)

    # --- In other threads ---------------------------------------------------------

    def _dispatch(
        self, number: int, request: InternalRequest, seconds: float | None
    ) -> None:
        texts, body = ["500"], b""
        try:
            with self._deadlines.limit(seconds or 0.0):
                response = self._dispatcher.dispatch(request)
            texts = head_texts(str(response.status), response.headers)
            body = response.body
        finally:
            self._respond(number, texts, body)

    def _respond(self, number: int, texts: list[str], body: bytes) -> None:
        try:
            self._pipe.send(Kind.RESPONSE, number, texts, body)
        except (BrokenFrame, TypeError):
            # Its headers are too long, or no texts: its status is what is asked for.
            self._pipe.send(Kind.RESPONSE, number, texts[:1])

    def _tell_files(self, number: int) -> None:
        self._pipe.send(Kind.ANSWER, number, list(self._loaded_files()))
