"""Pages in the place of the app: its own for errors, ours while it does not start."""

from __future__ import annotations

import mimetypes
import pathlib
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from channelshim.appserver.guard import is_from_loopback
from channelshim.appserver.response_rules import NO_SNIFFING
from channelshim.appserver.responses import answer
from channelshim.appserver.static import is_servable
from channelshim.appyaml.config import AppConfig
from channelshim.pages.errors import (
    broken_app_html,
    no_file_text,
    not_authorized_html,
    not_found_html,
    not_found_text,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


_HTML: Final = "text/html; charset=utf-8"


def own_error_page(root: pathlib.Path, config: AppConfig) -> tuple[str, bytes] | None:
    """Return content type and bytes of the app's page for errors, or None.

    That of `error_handlers:` whose code is "default"; the other codes are for
    quotas and attacks, of which this server knows nothing.
    """
    for handler in config.error_handlers:
        if handler.error_code != "default" or not is_servable(handler.file, config):
            continue
        try:
            content = (root / handler.file).read_bytes()
        except OSError:
            continue
        guessed = mimetypes.guess_type(handler.file)[0] or "text/html"
        return handler.mime_type or guessed, content
    return None


def answer_not_found(
    environ: WSGIEnvironment,
    start_response: StartResponse,
    path: str,
    config: AppConfig | None,
) -> Iterable[bytes]:
    """Answer 404 where no handler matches: a page to browsers, text to others.

    Args:
        environ: of the request.
        start_response: of the request.
        path: of the request, as text.
        config: names the handlers that were tried; None keeps them to ourselves.
    """
    page = partial(not_found_html, path, config)
    text = not_found_text(path, config)
    return _answer(environ, start_response, HTTPStatus.NOT_FOUND, text, page)


def answer_no_file(
    environ: WSGIEnvironment, start_response: StartResponse, path: str
) -> Iterable[bytes]:
    """Answer 404 where a static handler has no such file; see `answer_not_found`."""
    page = partial(not_found_html, path, None, "No such file.")
    text = no_file_text(path)
    return _answer(environ, start_response, HTTPStatus.NOT_FOUND, text, page)


def answer_login_required(
    environ: WSGIEnvironment, start_response: StartResponse, login_url: str
) -> Iterable[bytes]:
    """Answer 401 to somebody who has not logged in; see `answer_not_found`.

    Args:
        environ: of the request.
        start_response: of the request.
        login_url: of the page where one can.
    """
    page = partial(not_authorized_html, "", login_url)
    text = "Login required to view page.\n"
    return _answer(environ, start_response, "401 Not authorized", text, page)


def _answer(
    environ: WSGIEnvironment,
    start_response: StartResponse,
    status: HTTPStatus | str,
    text: str,
    page: Callable[[], str],
) -> Iterable[bytes]:
    if "text/html" not in str(environ.get("HTTP_ACCEPT", "")):
        return answer(start_response, status, text)
    return answer(start_response, status, page(), content_type=_HTML)


def broken_app(reason: str) -> WSGIApplication:
    """Return a WSGI app that stands in for one that does not start, until it is fixed.

    Its page asks again by itself: a corrected file brings the app back into view. Only
    this machine is told the reason.
    """
    with_reason, without_reason = broken_app_html(reason), broken_app_html("")

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        page = with_reason if is_from_loopback(environ) else without_reason
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        headers = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(page))),
            ("Cache-Control", "no-store"),
            NO_SNIFFING,
        ]
        start_response(f"{status.value} {status.phrase}", headers)
        return [page]

    return app
