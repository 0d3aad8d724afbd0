"""Questions to login providers: by https, bounded in time and size.

A socket's timeout bounds each step, not the whole answer, and the look-up of a name not
at all: a server that sends a byte now and then would hold a visitor's thread for days.
So each question is asked in a thread of its own, and given up when its time is over.
Few such threads may be left waiting.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from channelshim.appserver import hosts

ANSWER_SECONDS: Final = 10.0
"""For a whole answer: a visitor waits for it in the middle of a login."""

LONGEST_BYTES: Final = 1 << 20

MOST_WAITING: Final = 4
"""Questions without an answer yet, of all that this process asks. Each holds a thread
of the server's, which has six on one core."""

_places: Final = threading.BoundedSemaphore(MOST_WAITING)

_COPIED: Final = (
    *("status_code", "headers", "url", "reason"),
    *("encoding", "request", "connection"),
)


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


class BoundedAdapter(HTTPAdapter):
    """Sends requests whose answers are small and soon there."""

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: object = None,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
        proxies: dict[str, str] | None = None,
    ) -> requests.Response:
        """Return the whole answer; the bounds are those of this module.

        Raises:
            requests.RequestException: there is none in time, or it is too long.
        """
        # What is packed may be a thousand times as long.
        request.headers["Accept-Encoding"] = "identity"
        ask = super().send

        def ask_and_read() -> requests.Response:
            return _whole(
                ask(
                    request,
                    stream=True,
                    timeout=ANSWER_SECONDS,
                    verify=verify,
                    cert=cert,
                    proxies=proxies,
                )
            )

        return _in_time(ask_and_read)


def bound(session: requests.Session) -> None:
    """Have a session's answers be bounded."""
    for scheme in ("https://", "http://"):
        session.mount(scheme, BoundedAdapter())


def _whole(answer: requests.Response) -> requests.Response:
    """Return an answer with its body read."""
    with answer:
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise requests.RequestException("the answer is packed")
        body = b""
        for part in answer.iter_content(65536):
            body += part
            if len(body) > LONGEST_BYTES:
                raise requests.RequestException("the answer has too many bytes")
    whole = requests.Response()
    for name in _COPIED:
        setattr(whole, name, getattr(answer, name))
    whole.raw = io.BytesIO(body)
    return whole


def _in_time(ask: Callable[[], requests.Response]) -> requests.Response:
    """Return what a question is answered with, within ANSWER_SECONDS."""
    places = _places
    if not places.acquire(blocking=False):
        raise requests.Timeout("too many other questions have no answer yet")
    answer: Future[requests.Response] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:
            answer.set_exception(error)
        finally:
            places.release()

    try:
        threading.Thread(target=run, name="login provider", daemon=True).start()
    except RuntimeError as error:
        places.release()
        raise requests.ConnectionError("there is no thread left to ask") from error
    try:
        return answer.result(ANSWER_SECONDS)
    except FutureTimeout as error:
        raise requests.Timeout(
            f"the whole answer has not come within {ANSWER_SECONDS:.0f} seconds"
        ) from error


def fetch_json(url: str) -> dict[str, Any]:
    """Return the JSON object at a URL.

    Raises:
        FetchFailed: there is none, or it cannot be had; a certificate that is not good
            is named.
    """
    try:
        with requests.Session() as session:
            bound(session)
            answer = session.get(
                url, allow_redirects=False, headers={"Accept": "application/json"}
            )
    except requests.RequestException as error:
        raise FetchFailed(f"{url} cannot be reached: {reason_of(error)}") from error
    if answer.status_code != requests.codes.ok:
        raise FetchFailed(f"{url} answers with status {answer.status_code}")
    try:
        document = json.loads(answer.content)
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
        # A wait that was given up says nothing; who gave it up does.
        if not isinstance(inner, BaseException) or not str(inner):
            break
        cause = inner
    text = " ".join(str(cause).split()) or type(cause).__name__
    return text[:300]
