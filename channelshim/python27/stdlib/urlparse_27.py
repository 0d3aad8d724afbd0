"""urlparse: parts of addresses as text; queries split at & and at ;."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable
from typing import Any, Final

from channelshim.python27.stdlib.wrapping import text_of, with_text
from channelshim.python27.strings import native, to_bytes, to_text

__all__ = [
    *("urlparse", "urlunparse", "urljoin", "urldefrag", "urlsplit", "urlunsplit"),
    *("parse_qs", "parse_qsl", "unquote", "clear_cache"),
]

_urlparse = with_text(urllib.parse.urlparse)
_urlsplit = with_text(urllib.parse.urlsplit)
_PORT: Final = re.compile(r"[A-Za-z0-9+.-]+:[0-9]+\Z")


def urlparse(url: Any, scheme: Any = "", allow_fragments: Any = True) -> Any:
    """Return the six parts of an address; `host:80` is a path."""
    if _PORT.match(to_text(url)):
        return urllib.parse.ParseResult(to_text(scheme), "", to_text(url), "", "", "")
    return _urlparse(url, scheme, bool(allow_fragments))


def urlsplit(url: Any, scheme: Any = "", allow_fragments: Any = True) -> Any:
    """Return the five parts of an address; `host:80` is a path."""
    if _PORT.match(to_text(url)):
        return urllib.parse.SplitResult(to_text(scheme), "", to_text(url), "", "")
    return _urlsplit(url, scheme, bool(allow_fragments))


urlunsplit: Callable[..., Any] = with_text(urllib.parse.urlunsplit)
urljoin: Callable[..., Any] = with_text(urllib.parse.urljoin)


def clear_cache() -> None:
    """Do nothing: there is nothing to forget."""


def urlunparse(data: Any) -> Any:
    """Put the six parts of an address together."""
    return urllib.parse.urlunparse([text_of(part) for part in data])


def urldefrag(url: Any) -> tuple[str, str]:
    """Return an address without its fragment, and the fragment."""
    base, fragment = urllib.parse.urldefrag(to_text(url))
    return base, fragment


def unquote(s: Any) -> Any:
    """Return a string with its %xx as bytes."""
    if "%" not in s:
        return s
    return native(urllib.parse.unquote_to_bytes(to_bytes(s)))


def parse_qs(
    qs: Any,
    keep_blank_values: Any = 0,
    strict_parsing: Any = 0,
    max_num_fields: Any = None,
) -> dict[Any, list[Any]]:
    """Return a query as names, each with its values."""
    found: dict[Any, list[Any]] = {}
    pairs = parse_qsl(qs, keep_blank_values, strict_parsing, max_num_fields)
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def parse_qsl(
    qs: Any,
    keep_blank_values: Any = 0,
    strict_parsing: Any = 0,
    max_num_fields: Any = None,
) -> list[tuple[Any, Any]]:
    """Return a query as pairs of names and values."""
    text = to_text(qs)
    if max_num_fields is not None:
        if max_num_fields < 1 + text.count("&") + text.count(";"):
            raise ValueError("Max number of fields exceeded")
    found = []
    for field in text.replace(";", "&").split("&"):
        if not field and not strict_parsing:
            continue
        name, equals, value = field.partition("=")
        if not equals:
            if strict_parsing:
                raise ValueError(f"bad query field: {field!r}")
            if not keep_blank_values:
                continue
        if value or keep_blank_values:
            found.append((_plus(name), _plus(value)))
    return found


def _plus(text: str) -> Any:
    return unquote(text.replace("+", " "))
