"""The console as one WSGI application: its checks, its files, its pages."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

# webapp2 asks when it is first imported; see compat.installer.
os.environ.setdefault("APPENGINE_RUNTIME", "python27")

import webapp2

from channelshim.appserver.responses import answer
from channelshim.console.checks import Checks, Forms, Refusal
from channelshim.console.menu import PAGES
from channelshim.console.messages import Messages
from channelshim.console.page import (
    DOCUMENT_SECURITY,
    FURTHER_SECURITY,
    PageHandler,
    Refused,
)
from channelshim.console.sources import Sources
from channelshim.pages.look import MARK, stylesheet
from channelshim.pages.templates import Templates

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_HTML: Final = "text/html; charset=utf-8"

_SCRIPTS: Final = frozenset({"charts.js", "live.js"})

_SECURITY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self' ws://{host} wss://{host}; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Content-Security-Policy: what a name or a message of the app holds is never run."""


_CLOSED_SECURITY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""The same of the page that closes the console: whoever sees it gets no stylesheet."""


class Console:
    """The console, as a WSGI application.

    Args:
        sources: what its pages read and change.
        checks: looks at each request first.
        forms: makes and knows the forms' token.
    """

    def __init__(self, sources: Sources, checks: Checks, forms: Forms) -> None:
        self._sources = sources
        self._checks = checks
        self._templates = Templates("channelshim.console")
        self._pages = webapp2.WSGIApplication(
            [webapp2.Route(page.path, handler=page.handler) for page in PAGES]
            + [
                webapp2.Route("/favicon.ico", handler=_Mark),
                webapp2.Route("/static/<name>", handler=_File),
            ]
        )
        self._pages.error_handlers[404] = _not_found
        registry = self._pages.registry
        registry["sources"] = sources
        registry["forms"] = forms
        registry["messages"] = Messages()
        registry["templates"] = self._templates

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request."""
        refusal = self._checks.refusal(environ)
        if refusal is not None:
            return self._refuse(refusal, environ, start_response)
        pages: Iterable[bytes] = self._pages(
            environ, _with_headers(start_response, _security(environ))
        )
        return pages

    def _refuse(
        self, refusal: Refusal, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        login_url = ""
        if refusal.login_path:
            login_url = self._app_address(environ) + refusal.login_path
        page = self._templates.render(
            "closed.html", sentence=refusal.sentence, login_url=login_url
        )
        start = _with_headers(start_response, _CLOSED_SECURITY)
        return answer(start, refusal.status, page, content_type=_HTML)

    def _app_address(self, environ: WSGIEnvironment) -> str:
        """Return the address of the app by the name that a request has."""
        app = urlsplit(self._sources.app.url)
        host = str(webapp2.Request(environ).host)
        name = host.rpartition(":")[0] or host
        return f"{app.scheme}://{name}:{app.port}"


def _security(environ: WSGIEnvironment) -> str:
    # It has passed the check of Host.
    host = str(environ.get("HTTP_HOST", ""))
    return _SECURITY.format(host=host)


def _with_headers(start_response: StartResponse, security: str) -> StartResponse:
    """Return what starts an answer, with what holds for each of the console's."""

    def start(status: str, headers: Any, *exc_info: Any) -> Any:
        more = "".join(
            f"; {value}" for name, value in headers if name == FURTHER_SECURITY
        )
        policy, frames = security + more, "DENY"
        for name, value in headers:
            if name == DOCUMENT_SECURITY:
                # Somebody else's document, within a page of ours.
                policy, frames = value, "SAMEORIGIN"
        own = [
            ("Content-Security-Policy", policy),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "same-origin"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", frames),
            ("Cache-Control", "no-store"),
        ]
        names = {name for name, _ in own} | {FURTHER_SECURITY, DOCUMENT_SECURITY}
        others = [(name, value) for name, value in headers if name not in names]
        return start_response(status, [*others, *own], *exc_info)

    return start


class _Mark(webapp2.RequestHandler):  # type: ignore[misc]
    """The mark, for browsers that ask for /favicon.ico whatever a page says."""

    def get(self) -> None:
        """Answer with the mark."""
        self.response.headers["Content-Type"] = "image/svg+xml"
        self.response.write(MARK)


class _File(webapp2.RequestHandler):  # type: ignore[misc]
    """The stylesheet, and the scripts of the pages that are live."""

    def get(self, name: str) -> None:
        """Answer with one of them."""
        if name == "look.css":
            self.response.headers["Content-Type"] = "text/css; charset=utf-8"
            self.response.write(stylesheet())
        elif name in _SCRIPTS:
            self.response.headers["Content-Type"] = "text/javascript; charset=utf-8"
            self.response.write(_script(name))
        else:
            self.abort(HTTPStatus.NOT_FOUND)


@cache
def _script(name: str) -> str:
    return (Path(__file__).parent / "static" / name).read_text("utf-8")


class _NotFound(PageHandler):
    """Stands in for a page that there is not."""

    title = "No such page"


def _not_found(request: Any, response: Any, exception: Exception) -> None:
    sentence = "There is no such page: the menu has them all."
    _NotFound(request, response).refuse(Refused(sentence, HTTPStatus.NOT_FOUND))
