"""Pages in the place of the app: its own for errors, ours while it does not start."""

from __future__ import annotations

import mimetypes
import pathlib
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from channelshim.appserver.guard import is_from_loopback
from channelshim.appserver.response_rules import NO_SNIFFING
from channelshim.appserver.static import is_servable
from channelshim.appyaml.config import AppConfig
from channelshim.pages.errors import broken_app_html

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


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
