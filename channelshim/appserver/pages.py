"""The server's own pages: 404 with the handlers tried, 500 with the traceback."""

from __future__ import annotations

import mimetypes
import pathlib
import traceback
from html import escape
from typing import Final

from channelshim.appserver.static import is_servable
from channelshim.appyaml.config import AppConfig

_PAGE: Final = "<!DOCTYPE html>\n<title>{title}</title>\n<h1>{title}</h1>\n{rest}\n"


def not_found_text(path: str, config: AppConfig) -> str:
    """Return what a 404 says when no handler matches: which were tried, in order."""
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
