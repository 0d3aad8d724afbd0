"""What HTTP allows in an app's answer, checked before any of it is sent.

A server that finds out later has begun the answer already, and can only cut it off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar, Final

Headers = list[tuple[str, str]]

NO_SNIFFING: Final = ("X-Content-Type-Options", "nosniff")
"""On every page of ours: what a visitor has sent may stand in it, and a browser that
guesses could take it for a script."""

_STATUS: Final = re.compile(r"[2-5]\d\d( [\t\x20-\x7e\x80-\xff]*)?", re.A)
"""RFC 9112, 4. A status below 200 announces another answer (RFC 9110, 15.2): a client
would wait for that one."""

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token (RFC 9110, 5.6.2)."""

_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""RFC 9110, 5.5; a line break would begin another header."""

_LENGTH: Final = re.compile(r"\d{1,18}", re.A)

_BODILESS: Final = frozenset({"204", "304"})

_BODY_HEADERS: Final = frozenset({"content-length", "transfer-encoding"})

_MOST_REMEMBERED: Final = 512
_LONGEST_REMEMBERED: Final = 256
"""Apps put what they like into their headers; so many that are good are remembered."""

_good: set[tuple[str, str]] = set()
_good_statuses: set[str] = set()


class BadResponse(Exception):
    """The app's answer breaks a rule of HTTP or of WSGI; the text says which.

    Attributes:
        blames_app: that the app's frames alone say where; see compat.tracebacks.
    """

    blames_app: ClassVar[bool] = True


def check_head(status: Any, headers: Iterable[Any]) -> tuple[str, Headers, str | None]:
    """Return an app's status line and headers, found to be right, and its length.

    Raises:
        BadResponse: they cannot be sent; says why.
    """
    if type(status) is not str or not (
        status in _good_statuses or _is_good_status(status)
    ):
        raise BadResponse(
            f"{status!r} is no status line: it must be text like '200 OK', from 200 to "
            "599"
        )
    checked: Headers = []
    length = None
    has_cookie = False
    for header in headers:
        try:
            name, value = header
        except (TypeError, ValueError):
            raise BadResponse(f"{header!r} is not a (name, value) pair") from None
        # Others may be equal to a text and be none.
        if type(name) is not str or type(value) is not str:
            name, value = _as_text(name), _as_text(value)
        pair = name, value
        # Each answer may have another length: those are not worth remembering.
        if len(name) == 14 and name.lower() == "content-length":
            if not _LENGTH.fullmatch(value):
                raise BadResponse(
                    f"{value!r} is not a Content-Length: it must be digits"
                )
            if length not in (None, value):
                raise BadResponse(
                    "the response has two different Content-Length headers"
                )
            length = value
        elif pair not in _good:
            _check_header(name, value)
        if len(name) == 10 and name.lower() == "set-cookie":
            has_cookie = True
        checked.append(pair)
    return status, _private(checked) if has_cookie else checked, length


def _private(headers: Headers) -> Headers:
    """Return headers by which no shared cache hands on somebody's cookie.

    Source: what the original's server answers. Differs: D26.
    """
    kept: Headers = []
    for name, value in headers:
        lower = name.lower()
        if lower == "cache-control":
            kept.append((name, _private_control(value)))
        elif lower != "expires":
            kept.append((name, value))
    return kept


def _private_control(value: str) -> str:
    directives = [each.strip() for each in value.split(",")]
    kept = [each for each in directives if each and each.lower() != "public"]
    words = {each.partition("=")[0].lower() for each in kept}
    if not words & {"private", "no-cache", "no-store"}:
        kept.append("private")
    return ", ".join(kept)


def _is_good_status(status: str) -> bool:
    is_good = _STATUS.fullmatch(status) is not None
    if is_good and len(_good_statuses) < _MOST_REMEMBERED:
        _good_statuses.add(status)
    return is_good


def _check_header(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadResponse(f"{name!r} is not a valid header name")
    if not _VALUE.fullmatch(value):
        raise BadResponse(
            f"the header {name} holds a character that no header can have: {value!r}"
        )
    if len(_good) < _MOST_REMEMBERED and len(name) + len(value) < _LONGEST_REMEMBERED:
        _good.add((name, value))


def _as_text(part: Any) -> str:
    from channelshim.compat.legacy_str import LegacyStr

    # What Python 2.7 read from a request was text of this kind.
    if isinstance(part, (str, LegacyStr)):
        return str(part)
    raise BadResponse(f"header names and values must be text, not {part!r}")


def has_body(status: str, method: str) -> bool:
    """Return whether an answer has a body at all (RFC 9110, 6.4.1)."""
    return method != "HEAD" and status[:3] not in _BODILESS


def without_body_headers(headers: Headers) -> Headers:
    """Return headers without those that describe a body."""
    return [header for header in headers if header[0].lower() not in _BODY_HEADERS]


def fit_headers(status: str, headers: Headers, body: bytes | None) -> Headers:
    """Return headers that say of the body what is true.

    A status without a body has neither a length nor a coding (RFC 9110, 8.6).

    Args:
        status: checked.
        headers: checked.
        body: the whole body; None when it is not known.
    """
    if status[:3] in _BODILESS:
        return without_body_headers(headers)
    if body is None:
        return headers
    length = str(len(body))
    for name, value in headers:
        if value != length and name.lower() == "content-length":
            return with_length(headers, body)
    return headers


def with_length(headers: Headers, body: bytes) -> Headers:
    """Return headers with the length of body."""
    return [*without_body_headers(headers), ("Content-Length", str(len(body)))]


def piece_bytes(piece: Any) -> bytes:
    """Return a piece of a body as bytes.

    Text is encoded: Python 2.7's `str` was bytes, and legacy apps answer with `str`.

    Raises:
        BadResponse: it is neither bytes nor text.
    """
    if isinstance(piece, bytes):
        return piece
    if isinstance(piece, str):
        return _encoded(piece)
    if isinstance(piece, (bytearray, memoryview)):
        return bytes(piece)
    raise BadResponse(
        f"a piece of the body is of type {type(piece).__name__}: it must be bytes or "
        "text"
    )


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # As Python 2.7 did with half of a pair.
        return text.encode("utf-8", "surrogatepass")
