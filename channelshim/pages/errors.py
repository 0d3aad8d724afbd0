"""The server's own pages: 404 with the handlers tried, 500 with the traceback.

What they tell of the app's inside is for this machine alone; the caller decides.
"""

from __future__ import annotations

import traceback
from html import escape
from typing import Final

from channelshim.appyaml.config import AppConfig

_PAGE: Final = (
    '<!DOCTYPE html>\n<meta name="color-scheme" content="light dark">\n'
    "<title>{title}</title>\n<h1>{title}</h1>\n{rest}\n"
)


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


def no_file_text(path: str) -> str:
    """Return what a 404 says when a static handler has no such file.

    Args:
        path: of the request.
    """
    return f"404 Not Found: {path}\n\nNo such file.\n"


def not_authorized_html(email: str, login_url: str) -> str:
    """Return the page of a 401 for somebody who is no administrator.

    Args:
        email: of who is logged in.
        login_url: of the page where somebody else can log in.
    """
    sentence = f"Current logged in user {email} is not authorized to view this page."
    rest = (
        f"<p>{escape(sentence)}</p>\n"
        f'<p><a href="{escape(login_url)}">Log in as somebody else</a></p>'
    )
    return _PAGE.format(title="401 Not authorized", rest=rest)


def error_html(error: BaseException | None, hint: str = "") -> str:
    """Return the page of a 500.

    Args:
        error: whose traceback is shown; None shows none.
        hint: what to do about it; "" for nothing.
    """
    rest = ""
    if error is not None:
        rest = f"<pre>{escape(''.join(traceback.format_exception(error)))}</pre>"
        last = "".join(traceback.format_exception_only(error)).strip()
        rest = f"<p><strong>{escape(last.splitlines()[-1])}</strong></p>\n{rest}"
        if hint:
            rest = f"<p>{escape(hint)}</p>\n{rest}"
    return _PAGE.format(title="500 Internal Server Error", rest=rest)


def broken_app_html(reason: str) -> bytes:
    """Return the page that stands in for an app that does not start.

    It asks again by itself: a corrected file brings the app back into view.

    Args:
        reason: why, for this machine alone; "" for everybody else.
    """
    what_to_do = (
        "<p>Mend it and save: this page follows.</p>"
        if reason
        else "<p>Try again in a while.</p>"
    )
    rest = what_to_do + (f"<pre>{escape(reason)}</pre>" if reason else "")
    again = '<meta charset="utf-8"><meta http-equiv="refresh" content="2">'
    page = _PAGE.format(title="The app does not start", rest=again + rest)
    return page.encode()
