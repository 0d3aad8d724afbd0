"""WSGI answers of the server's own, and the running of the app's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any

from channelshim.runtime.environment import RequestScope

StartResponse = Callable[..., Any]
Headers = list[tuple[str, str]]


def answer(
    start_response: StartResponse,
    status: HTTPStatus | str,
    text: str | bytes,
    headers: Iterable[tuple[str, str]] = (),
    content_type: str = "text/plain; charset=utf-8",
) -> list[bytes]:
    """Start a small response of the server's own and return its body."""
    line = (
        f"{status.value} {status.phrase}" if isinstance(status, HTTPStatus) else status
    )
    body = text.encode("utf-8") if isinstance(text, str) else text
    start_response(
        line,
        [
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            *headers,
        ],
    )
    return [body]


class Collected:
    """What an app has said to start_response, held until its first bytes are there.

    Until then an exception can still become a proper 500.
    """

    def __init__(self) -> None:
        self.status: str = ""
        self.headers: Headers = []
        self.written: list[bytes] = []

    def start(self, status: str, headers: Headers, exc_info: Any = None) -> Any:
        """Take the app's status and headers; PEP 3333's start_response."""
        if self.status and exc_info is None:
            raise AssertionError("start_response was called twice without exc_info")
        self.status = status
        self.headers = list(headers)
        return self.written.append


class ScopedBody:
    """The rest of a streamed answer: each piece is made inside the request's scope.

    Args:
        scope: of the request.
        first: what is there already.
        rest: the app's iterator.
        close: called once at the end, in the scope: the app's own close.
        finished: called last, outside of the scope.
    """

    def __init__(
        self,
        scope: RequestScope,
        first: list[bytes],
        rest: Iterator[bytes],
        close: Callable[[], None],
        finished: Callable[[], None],
    ) -> None:
        self._scope = scope
        self._first = first
        self._rest = rest
        self._close = close
        self._finished: Callable[[], None] | None = finished

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._first:
            return self._first.pop(0)
        return self._scope.run(next, self._rest)

    def close(self) -> None:
        """End the request; more calls do nothing."""
        finished, self._finished = self._finished, None
        if finished is None:
            return
        try:
            self._scope.run(self._close)
            self._scope.close()
        finally:
            finished()


def run_app(
    application: Callable[..., Iterable[bytes]],
    environ: dict[str, Any],
    start_response: StartResponse,
    scope: RequestScope,
    finished: Callable[[], None],
    replace_body: Callable[[Collected], Iterable[bytes] | None] = lambda said: None,
) -> Iterable[bytes]:
    """Run a WSGI application in a scope, and start the response when it has begun.

    Raises what the application raises before its first bytes; then `finished` has been
    called. An answer that is a list is complete, ndb's writes included, before
    anything is sent.

    Args:
        application: the app's.
        environ: of the request.
        start_response: of the request.
        scope: of the request; closed at the end of the answer.
        finished: called last, outside of the scope.
        replace_body: called in the scope when the app's headers are known; may change
            them, and returns what is sent instead of the app's body, or None.
    """
    collected = Collected()
    result: Any = None
    try:
        result = scope.run(application, environ, collected.start)
        if isinstance(result, (list, tuple)):
            chunks = [*collected.written, *result]
            rest = None
        else:
            rest = scope.run(iter, result)
            chunks = scope.run(_until_first, rest, collected.written)
        if not collected.status:
            raise AssertionError("the application did not call start_response")
        instead = scope.run(replace_body, collected)
        if instead is not None:
            _close(scope, result)
            result, rest, chunks = instead, iter(instead), []
        if rest is None:
            _close(scope, result)
            scope.close()
    except BaseException:
        try:
            _close(scope, result)
        finally:
            finished()
        raise
    start_response(collected.status, collected.headers)
    if rest is None:
        finished()
        return chunks
    close = getattr(result, "close", None) or _nothing
    return ScopedBody(scope, chunks, rest, close, finished)


def _until_first(rest: Iterator[bytes], chunks: list[bytes]) -> list[bytes]:
    for chunk in rest:
        chunks.append(chunk)
        if chunk:
            break
    return chunks


def _close(scope: RequestScope, result: Any) -> None:
    close = getattr(result, "close", None)
    if close is not None and sys.exc_info()[0] is None:
        scope.run(close)


def _nothing() -> None:
    """Close nothing."""
