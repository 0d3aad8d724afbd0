"""The server's own pages: 404 with the handlers tried, 500 with the traceback.

What they tell of the app's inside is for this machine alone; the caller decides.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable

from channelshim.appyaml.config import AppConfig
from channelshim.pages.templates import render


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


def not_found_html(path: str, config: AppConfig | None, reason: str = "") -> str:
    """Return the page of a 404.

    Args:
        path: of the request.
        config: names the handlers that were tried; None for no list.
        reason: why, where it is not that no handler answers.
    """
    handlers = () if config is None else config.handlers
    return render("404.html", path=path, handlers=handlers, reason=reason)


def no_file_text(path: str) -> str:
    """Return what a 404 says when a static handler has no such file.

    Args:
        path: of the request.
    """
    return f"404 Not Found: {path}\n\nNo such file.\n"


def not_authorized_html(email: str, login_url: str) -> str:
    """Return the page of a 401.

    Args:
        email: of who is logged in, and is no administrator; "" for nobody.
        login_url: of the page where one can log in.
    """
    return render("401.html", email=email, login_url=login_url)


def error_html(
    error: BaseException | None,
    hint: str = "",
    is_own: Callable[[str], bool] = lambda name: False,
) -> str:
    """Return the page of a 500.

    Args:
        error: whose traceback is shown; None shows none.
        hint: what to do about it; "" for nothing.
        is_own: whether a file is the app's: its frames are shown first.
    """
    if error is None:
        return render("500.html", name="", hint="", own="", whole="")
    last = "".join(traceback.format_exception_only(error)).strip()
    return render(
        "500.html",
        name=last.splitlines()[-1],
        hint=hint,
        own=_own_frames(error, is_own),
        whole="".join(traceback.format_exception(error)),
    )


def _own_frames(error: BaseException, is_own: Callable[[str], bool]) -> str:
    """Return the app's frames of a traceback; "" where that is all of it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if is_own(frame.filename)]
    has_others = error.__cause__ is not None or error.__context__ is not None
    if len(own) == len(frames) and not has_others:
        return ""
    return "".join(traceback.format_list(own))


def broken_app_html(reason: str) -> bytes:
    """Return the page that stands in for an app that does not start.

    It asks again by itself: a corrected file brings the app back into view.

    Args:
        reason: why, for this machine alone; "" for everybody else.
    """
    page = render("broken_app.html", reason=reason)
    return page.encode("utf-8", "backslashreplace")
