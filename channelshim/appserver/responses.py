"""WSGI answers of the server's own, and the running of the app's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from channelshim.appserver.response_rules import (
    NO_SNIFFING,
    BadResponse,
    Headers,
    check_head,
    fit_headers,
    has_body,
    piece_bytes,
    with_length,
    without_body_headers,
)
from channelshim.appserver.turn import Turn

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


_logger: Final = logging.getLogger("channelshim.appserver")


def answer(
    start_response: StartResponse,
    status: HTTPStatus | str,
    text: str | bytes,
    headers: Iterable[tuple[str, str]] = (),
    content_type: str = "text/plain; charset=utf-8",
    exc_info: Any = None,
) -> list[bytes]:
    """Start a small response of the server's own and return its body.

    Args:
        start_response: of the request.
        status: with its phrase.
        text: the body.
        headers: further ones.
        content_type: of the body.
        exc_info: what made an answer fail that was begun already; this one takes its
            place, if nothing of it was sent (PEP 3333).
    """
    line = (
        f"{status.value} {status.phrase}" if isinstance(status, HTTPStatus) else status
    )
    body = text.encode("utf-8") if isinstance(text, str) else text
    length = ("Content-Length", str(len(body)))
    complete = [("Content-Type", content_type), length, NO_SNIFFING, *headers]
    if exc_info is None:
        start_response(line, complete)
    else:
        start_response(line, complete, exc_info)
    return [body]


class BrokenAnswer(Exception):
    """The app raised in the middle of its answer something that is not an Exception.

    SystemExit would end a server of another make, or its worker.
    """


class Collected:
    """What an app has handed to start_response, held until its first bytes are there.

    Until then an exception can still become a proper 500.

    Attributes:
        status: its status line; "" before start_response was called.
        headers: its headers.
        length: the Content-Length among them, or None.
        written: what it gave to `write` and has not been sent.
        has_text: whether some of its body was text, so that a length which it
            counted itself may be wrong.
        is_sent: whether the answer has begun, and start_response comes too late.
    """

    __slots__ = ("has_text", "headers", "is_sent", "length", "status", "written")

    def __init__(self) -> None:
        self.status: str = ""
        self.headers: Headers = []
        self.length: str | None = None
        self.written: list[bytes] = []
        self.has_text: bool = False
        self.is_sent = False

    def start(self, status: str, headers: Headers, exc_info: Any = None) -> Any:
        """Take the app's status and headers; PEP 3333's start_response.

        Raises:
            BadResponse: they cannot be sent, or it is called for the second time.
        """
        try:
            if exc_info and self.is_sent:
                raise exc_info[1].with_traceback(exc_info[2])
            if self.status and not exc_info:
                raise BadResponse(
                    "start_response was called for the second time, without exc_info"
                )
        finally:
            # The traceback refers to this frame.
            exc_info = None
        self.status, self.headers, self.length = check_head(status, headers)
        return self.write

    def write(self, piece: bytes | str) -> None:
        """Take a piece of the body; PEP 3333's write."""
        self.written.append(self.take(piece))

    def take(self, piece: bytes | str) -> bytes:
        """Return a piece of the body as it is sent."""
        if isinstance(piece, str):
            self.has_text = True
        return piece_bytes(piece)


class AppBody:
    """The body of an app's answer: each piece is made inside the request's turn.

    Args:
        turn: of the request; ended by `close`.
        collected: takes what the app writes.
        result: what the app returned.
    """

    __slots__ = ("_collected", "_is_closed", "_rest", "_result", "_turn")

    def __init__(self, turn: Turn, collected: Collected, result: Any) -> None:
        self._turn = turn
        self._collected = collected
        self._result = [result] if isinstance(result, (bytes, str)) else result
        self._rest: Iterator[Any] | None = None
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        ready = self._collected.written
        if not ready:
            try:
                assert self._rest is not None
                return self._collected.take(self._turn.run(next, self._rest))
            except StopIteration:
                # The app may have called `write` on its way to the end.
                if not ready:
                    raise
            except Exception:
                raise
            except BaseException as error:
                raise BrokenAnswer(f"the app raised {error!r}") from error
        return ready.pop(0)

    def begin(self) -> bytes | None:
        """Wait for the first piece; return the whole body if it is here already."""
        result, ready = self._result, self._collected.written
        if isinstance(result, (list, tuple)):
            if not ready and len(result) == 1 and type(result[0]) is bytes:
                # Almost all are so.
                return bytes(result[0])
            ready.extend([self._collected.take(piece) for piece in result])
            return b"".join(ready)
        self._rest = self._turn.run(iter, self._result)
        whole: bytes | None = self._turn.run(self._until_first)
        return whole

    def _until_first(self) -> bytes | None:
        assert self._rest is not None
        for piece in self._rest:
            self._collected.write(piece)
            if piece:
                return None
        return b"".join(self._collected.written)

    def replace(self, instead: Iterable[bytes]) -> bytes | None:
        """Take the place of the app's body; return the whole if it is here."""
        self._close_app()
        self._is_closed = False
        self._collected.written.clear()
        self._result, self._rest = instead, iter(instead)
        return b"".join(instead) if isinstance(instead, list) else None

    def _close_app(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            close = getattr(self._result, "close", None)
            if close is not None:
                self._turn.run(close)

    def close(self) -> None:
        """End the request; more calls do nothing.

        Raises what the app's close raises, or the last write of ndb.
        """
        try:
            self._close_app()
        except Exception:
            raise
        except BaseException as error:
            raise BrokenAnswer(f"the app raised {error!r}") from error
        finally:
            self._turn.end()

    def drop(self) -> None:
        """Close what the app returned, after a failure that matters more."""
        try:
            self._close_app()
        except BaseException:
            _logger.exception("the app's close() failed after the request had")


def run_app(
    application: Callable[..., Iterable[bytes]],
    environ: WSGIEnvironment,
    start_response: StartResponse,
    turn: Turn,
    replace_body: Callable[
        [WSGIEnvironment, Collected], Iterable[bytes] | None
    ] = lambda environ, collected: None,
) -> Iterable[bytes]:
    """Run a WSGI application in its turn, and start the response when it has begun.

    Raises what the application raises before its first bytes, and BadResponse for an
    answer that cannot be sent; nothing has been sent then, and the caller ends the
    turn. An answer that is a list is complete, ndb's writes included, before anything
    is sent.

    Args:
        application: the app's.
        environ: of the request.
        start_response: of the request.
        turn: of the request; ended at the end of the answer.
        replace_body: called in the scope, with environ, when the app's headers are
            known; may change them, and returns what is sent instead of the app's body,
            or None.
    """
    collected = Collected()
    result = turn.run(application, environ, collected.start)
    body = AppBody(turn, collected, result)
    try:
        whole = body.begin()
        if not collected.status:
            raise BadResponse("the app did not call start_response")
        instead = turn.run(replace_body, environ, collected)
        if instead is not None:
            collected.length = None
            whole = body.replace(instead)
        is_sent = has_body(collected.status, environ["REQUEST_METHOD"])
        headers = _fitted(collected, whole, is_sent=is_sent)
        # An endless body that nobody is sent would never end.
        if whole is not None or not is_sent:
            body.close()
        start_response(collected.status, headers)
    except BaseException:
        body.drop()
        raise
    collected.is_sent = True
    if not is_sent:
        return []
    return body if whole is None else [whole]


def _fitted(collected: Collected, whole: bytes | None, *, is_sent: bool) -> Headers:
    if whole is None and collected.has_text:
        # The app counted characters; how many bytes they are is known at the end.
        return without_body_headers(collected.headers)
    if is_sent and whole is not None and collected.length == str(len(whole)):
        return collected.headers
    if whole and not is_sent:
        # To HEAD: the server does not see what it would have counted for GET.
        counted = with_length(collected.headers, whole)
        return fit_headers(collected.status, counted, None)
    return fit_headers(collected.status, collected.headers, whole if is_sent else None)
