"""The server's own pages: 404 with the handlers tried, 500 with the traceback.

What they tell of the app's inside is for this machine alone.
"""

from __future__ import annotations

import mimetypes
import pathlib
import traceback
from collections.abc import Callable, Iterable
from html import escape
from http import HTTPStatus
from typing import Any, Final

from channelshim.appserver.guard import is_from_loopback
from channelshim.appserver.static import is_servable
from channelshim.appyaml.config import AppConfig

_PAGE: Final = "<!DOCTYPE html>\n<title>{title}</title>\n<h1>{title}</h1>\n{rest}\n"


def not_found_text(path: str, config: AppConfig | None) -> str:
    """Return what a 404 says when no handler matches: which were tried, in order.

    Args:
        path: of the request.
        config: names the handlers; None keeps them to ourselves.
    """
    if config is None:
        return f"404 Not Found: {path}\n"
    tried = "".join(
        f"  {handler.url}  ({handler.path}, line {handler.line})\n"
        for handler in config.handlers
    )
    return f"404 Not Found: {path}\n\nNo handler answers. These were tried:\n{tried}"


def error_html(*, has_traceback: bool) -> str:
    """Return the page of a 500, inside of an except block."""
    rest = ""
    if has_traceback:
        rest = f"<pre>{escape(traceback.format_exc())}</pre>"
    return _PAGE.format(title="500 Internal Server Error", rest=rest)


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


def broken_app(reason: str) -> Callable[..., Iterable[bytes]]:
    """Return a WSGI app that stands in for one that does not start, until mended.

    Its page asks again by itself: a mended file brings the app back into view. Only
    this machine is told the reason.
    """
    said = _broken_page("<p>Mend it and save: this page follows.</p>", reason)
    unsaid = _broken_page("<p>Try again in a while.</p>", "")

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        page = said if is_from_loopback(environ) else unsaid
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        headers = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(page))),
            ("Cache-Control", "no-store"),
        ]
        start_response(f"{status.value} {status.phrase}", headers)
        return [page]

    return app


def _broken_page(what_to_do: str, reason: str) -> bytes:
    rest = what_to_do + (f"<pre>{escape(reason)}</pre>" if reason else "")
    again = '<meta charset="utf-8"><meta http-equiv="refresh" content="2">'
    page = _PAGE.format(title="The app does not start", rest=again + rest)
    return page.encode()
