"""What the frames between a front and an app process say, as texts and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from channelshim.contracts.dispatcher import InternalRequest
from channelshim.errors import BrokenFrame

Head = tuple[str, list[tuple[str, str]]]
"""A status line, and the headers."""

_DISPATCH_FACTS = 6


def request_texts(environ: Mapping[str, Any], length: int) -> list[str]:
    """Return a request from outside.

    Args:
        environ: its WSGI environment. What is no text in there the other end adds.
        length: of its body, in bytes.
    """
    texts = [str(length)]
    for name, value in environ.items():
        if value.__class__ is str:
            texts.append(name)
            texts.append(value)
    return texts


def request_of(texts: Sequence[str]) -> tuple[dict[str, Any], int]:
    """Return the names and values of `request_texts`, and the body's length.

    Raises:
        BrokenFrame: they are none.
    """
    if len(texts) % 2 != 1:
        raise BrokenFrame("a request with a name and no value")
    return dict(zip(texts[1::2], texts[2::2], strict=True)), natural(texts[0])


def dispatch_texts(request: InternalRequest, seconds: float | None) -> list[str]:
    """Return a request of the platform's own, without its body.

    Args:
        request: what to ask.
        seconds: within which it is to end; None for no bound.
    """
    return [
        request.method,
        request.path,
        request.content_type,
        request.remote_address,
        request.target,
        "" if seconds is None else repr(seconds),
        *(text for header in request.headers for text in header),
    ]


def dispatch_of(
    texts: Sequence[str], body: bytes
) -> tuple[InternalRequest, float | None]:
    """Return what `dispatch_texts` was given.

    Raises:
        BrokenFrame: it is none.
    """
    if len(texts) < _DISPATCH_FACTS or len(texts) % 2:
        raise BrokenFrame("a request of the platform's own that is not whole")
    method, path, content_type, address, target, seconds = texts[:_DISPATCH_FACTS]
    headers = _pairs(texts[_DISPATCH_FACTS:])
    request = InternalRequest(
        method, path, body, content_type, address, tuple(headers), target
    )
    return request, None if seconds == "" else _seconds(seconds)


def head_texts(status: str, headers: Iterable[tuple[str, str]]) -> list[str]:
    """Return the head of an answer."""
    return [status, *(text for header in headers for text in header)]


def head_of(texts: Sequence[str]) -> Head | None:
    """Return the head that `head_texts` was given; None for no text at all.

    Raises:
        BrokenFrame: it is none.
    """
    if not texts:
        return None
    if len(texts) % 2 != 1:
        raise BrokenFrame("an answer with a header and no value")
    return texts[0], _pairs(texts[1:])


def natural(text: str) -> int:
    """Return the number that a text says, 0 or more.

    Raises:
        BrokenFrame: it says none.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BrokenFrame("a number that cannot be read")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise BrokenFrame("a time that cannot be read")
    return seconds


def _pairs(texts: Sequence[str]) -> list[tuple[str, str]]:
    return list(zip(texts[::2], texts[1::2], strict=True))
