"""The body of a request, read on the loop before a worker thread is asked.

A slow upload costs no thread, one cut short never reaches the app, and what is longer
than form_bounds.BODY_MEMORY_BYTES waits on disk.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from collections.abc import Callable, MutableMapping
from http import HTTPStatus
from typing import IO, Any, Final

from channelshim.appserver import form_bounds
from channelshim.errors import RemoteProtocolError

BODY_SECONDS: Final = 30.0
"""Longest wait for the next piece of a body."""


Scope = MutableMapping[str, Any]
Receive = Callable[[], Any]


async def read_body(
    scope: Scope, receive: Receive, *, maximum_bytes: int, seconds: float
) -> tuple[IO[bytes], int]:
    """Return the body as a file at its beginning, and its length in bytes.

    The caller closes the file.

    Args:
        scope: the request.
        receive: gives its pieces.
        maximum_bytes: a longer body is refused with 413.
        seconds: longest wait for the next piece; then 408.

    Raises:
        RemoteProtocolError: with the status to answer; 400 for a body cut short.
    """
    length = _content_length(scope)
    if length is not None and length > maximum_bytes:
        raise _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if not length and not _is_chunked(scope):
        return io.BytesIO(), 0
    piece, is_last = await _piece(receive, seconds)
    body: IO[bytes] = io.BytesIO(piece)
    size = len(piece)
    if not is_last:
        body = tempfile.SpooledTemporaryFile(max_size=form_bounds.BODY_MEMORY_BYTES)
        body.write(piece)
    try:
        while not is_last:
            piece, is_last = await _piece(receive, seconds)
            size += len(piece)
            if size > maximum_bytes:
                raise _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            body.write(piece)
        if size > maximum_bytes:
            raise _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if length is not None and size != length:
            raise _refusal(HTTPStatus.BAD_REQUEST)
    except BaseException:
        body.close()
        raise
    body.seek(0)
    return body, size


async def _piece(receive: Receive, seconds: float) -> tuple[bytes, bool]:
    event = await _within(receive, seconds)
    if event["type"] == "http.disconnect":
        # Cut short: an error, never a short body.
        raise _refusal(HTTPStatus.BAD_REQUEST)
    return event.get("body", b""), not event.get("more_body")


async def _within(receive: Receive, seconds: float) -> Any:
    """Return what receive gives; asyncio.wait_for costs ten times as much.

    Almost always the piece is here already and nothing is waited for.
    """
    task = asyncio.current_task()
    assert task is not None
    is_late = False

    def expire() -> None:
        nonlocal is_late
        is_late = True
        task.cancel()

    timer = asyncio.get_running_loop().call_later(seconds, expire)
    try:
        return await receive()
    except asyncio.CancelledError:
        if not is_late:
            raise
        if sys.version_info >= (3, 11):
            task.uncancel()
        raise _refusal(HTTPStatus.REQUEST_TIMEOUT) from None
    finally:
        timer.cancel()


async def disconnected(receive: Receive) -> None:
    """Wait until the peer has hung up, or has its whole answer."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _refusal(status: HTTPStatus) -> RemoteProtocolError:
    return RemoteProtocolError(status.phrase, http_status=status)


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            # uvicorn's parser has checked that these are digits.
            return int(value)
    return None


def _is_chunked(scope: Scope) -> bool:
    return any(name == b"transfer-encoding" for name, _ in scope["headers"])
