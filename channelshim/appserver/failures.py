"""The border to the app's code: whatever it raises, the client gets an answer."""

from __future__ import annotations

import logging
import pathlib
import sys
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from channelshim.appserver.error_pages import own_error_page
from channelshim.appserver.responses import answer
from channelshim.appserver.scripts import AppImportError
from channelshim.appyaml.config import AppConfig
from channelshim.compat.tracebacks import hide_server, hide_translator, hint, is_ours
from channelshim.kernel.descriptors import descriptor_limit, is_none_left
from channelshim.pages.errors import error_html
from channelshim.runtime.log_text import names_of, one_line

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


_logger: Final = logging.getLogger("channelshim.appserver")


def guarded(
    serve: WSGIApplication,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    fail: Callable[[WSGIEnvironment, StartResponse, Any], Iterable[bytes]],
) -> Iterable[bytes]:
    """Answer by serve, or by fail when that raises anything at all.

    SystemExit and DeadlineExceededError are no Exceptions, and are the request's own
    affair all the same: the thread has others to answer.

    Args:
        serve: answers the request.
        environ: of the request.
        start_response: of the request.
        fail: answers in its place, within the except block; its third argument is
            for start_response: not None when that was called already.
    """
    has_started = False

    def start(*arguments: Any) -> Any:
        nonlocal has_started
        has_started = True
        return start_response(*arguments)

    try:
        return serve(environ, start)
    except BaseException as error:
        hide_translator(error)
        hide_server(error)
        _log(
            error,
            one_line(environ["REQUEST_METHOD"]),
            one_line(environ.get("PATH_INFO", "")),
            environ,
        )
        return fail(environ, start_response, sys.exc_info() if has_started else None)


def _log(
    error: BaseException, method: str, path: str, environ: WSGIEnvironment
) -> None:
    """Log an error with its traceback; of an app that cannot be loaded, with its own.

    Who asks again and again for a script that cannot be loaded hears the same: the log
    has its traceback from the start, and a line for each request.
    """
    # The request's variables are gone by now.
    named = names_of(
        str(environ.get("HTTP_X_REQUEST_ID", "")),
        str(environ.get("HTTP_TRACEPARENT", "")),
    )
    extra = {"request_fields": {"method": method, "path": path, **named}}
    if isinstance(error, AppImportError) or error.__traceback__ is None:
        _logger.error("%s %s failed: %s", method, path, error, extra=extra)
    elif _lacks_descriptors(error):
        _logger.error(
            "%s %s is answered 503: %d files and sockets are open, as many as this "
            "process may have; raise the limit (ulimit -n, or LimitNOFILE= of systemd)",
            method,
            path,
            descriptor_limit(),
            extra=extra,
        )
    else:
        _logger.error("%s %s failed", method, path, exc_info=error, extra=extra)


def _lacks_descriptors(error: BaseException | None) -> bool:
    """Return whether we, and not the app, had no descriptor for a file."""
    return error is not None and is_none_left(error) and is_ours(error)


def answer_error(
    environ: WSGIEnvironment,
    start_response: StartResponse,
    exc_info: Any,
    *,
    root: pathlib.Path,
    config: AppConfig,
    has_traceback: bool,
) -> Iterable[bytes]:
    """Answer 500, by the app's own page where it has one. Within an except block.

    It is 503 where we have no descriptor for a file: another try may find one.

    Args:
        environ: of the request.
        start_response: of the request.
        exc_info: not None when an answer was begun, of which nothing was sent.
        root: the app's folder.
        config: names the app's page.
        has_traceback: whether the traceback is shown instead.
    """
    if _lacks_descriptors(sys.exc_info()[1]):
        answered = answer(
            start_response,
            HTTPStatus.SERVICE_UNAVAILABLE,
            "Too much is open here at once; try again in a second.\n",
            [("Retry-After", "1")],
            exc_info=exc_info,
        )
        return [] if environ["REQUEST_METHOD"] == "HEAD" else answered
    own = None if has_traceback else own_error_page(root, config)
    error = sys.exc_info()[1] if has_traceback else None
    if isinstance(error, AppImportError):
        # Without how we came to import it.
        error = error.own_error()
    page = error_html(error, hint(error) if error else "", partial(_is_own, root))
    content_type, body = own or (
        "text/html; charset=utf-8",
        page.encode("utf-8", "backslashreplace"),
    )
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    answered = answer(start_response, status, body, (), content_type, exc_info)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else answered


def _is_own(root: pathlib.Path, name: str) -> bool:
    """Return whether a file of a traceback is the app's own, and no library's in it."""
    path = pathlib.Path(root, name)
    return path.is_relative_to(root) and "site-packages" not in path.parts
