"""Documents of login providers: JSON by https, bounded in time and size."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from channelshim.appserver import hosts

TIMEOUT_SECONDS: Final = 10.0
"""A visitor waits for it in the middle of a login."""

LONGEST_BYTES: Final = 1 << 20


class FetchFailed(Exception):
    """A provider does not answer as it should; the text is for the operator's log."""


def is_safe_url(url: object) -> bool:
    """Return whether a provider may be asked there: by https, or on this machine."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.username or parts.password or parts.fragment:
        return False
    is_here = host == "localhost" or hosts.is_loopback_address(host)
    return bool(host) and parts.scheme in (("https", "http") if is_here else ("https",))


def fetch_json(url: str) -> dict[str, Any]:
    """Return the JSON object at a URL.

    Raises:
        FetchFailed: there is none, or it cannot be had; a certificate that is not good
            is named.
    """
    try:
        with requests.get(
            url,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,
            headers={"Accept": "application/json"},
        ) as answer:
            if answer.status_code != requests.codes.ok:
                raise FetchFailed(f"{url} answers with status {answer.status_code}")
            body = b""
            for part in answer.iter_content(65536):
                body += part
                if len(body) > LONGEST_BYTES:
                    raise FetchFailed(f"{url} answers with too many bytes")
    except requests.RequestException as error:
        raise FetchFailed(f"{url} cannot be reached: {reason_of(error)}") from error
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise FetchFailed(f"{url} does not answer with a JSON object")
    return document


def reason_of(error: BaseException) -> str:
    """Return why a request has failed, for a log: the innermost cause, on one line."""
    cause: BaseException = error
    for _ in range(8):
        inner = getattr(cause, "reason", None) or cause.__cause__ or cause.__context__
        if not isinstance(inner, BaseException):
            break
        cause = inner
    text = " ".join(str(cause).split()) or type(cause).__name__
    return text[:300]
