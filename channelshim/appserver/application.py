"""One request's way: guard, login, app.yaml's handlers, the app, the answer."""

from __future__ import annotations

import logging
import pathlib
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from channelshim import limits
from channelshim.appserver import form_bounds, guard, static
from channelshim.appserver.access_log import AccessLog
from channelshim.appserver.blobs.blob_answers import put_blob
from channelshim.appserver.blobs.blob_pages import find_page
from channelshim.appserver.error_pages import (
    answer_no_file,
    answer_not_found,
)
from channelshim.appserver.exposure import Exposure
from channelshim.appserver.failures import answer_error, guarded
from channelshim.appserver.handler_access import HandlerAccess
from channelshim.appserver.hosts import RefusalLog
from channelshim.appserver.internal import collect, internal_environ
from channelshim.appserver.login.limited import LimitedLogin
from channelshim.appserver.login.rule import LoginRule
from channelshim.appserver.page_reports import PageReports
from channelshim.appserver.proxies import settle_client
from channelshim.appserver.responses import answer, run_app
from channelshim.appserver.scripts import Scripts
from channelshim.appserver.turn import Turn
from channelshim.appyaml.config import (
    NOTHING,
    STATIC_DIR,
    STATIC_FILES,
    AppConfig,
    Handler,
)
from channelshim.appyaml.handlers import DEFERRED_APPLICATION, DEFERRED_PATH
from channelshim.compat import upload_guard
from channelshim.contracts.dispatcher import InternalRequest, InternalResponse
from channelshim.contracts.identity import Login, User
from channelshim.kernel.app_lock import AppLock
from channelshim.runtime.environment import RequestScope
from channelshim.runtime.log_text import one_line
from channelshim.runtime.variables import (
    Application,
    platform_variables,
    request_variables,
)
from channelshim.services import shutdown

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


_logger: Final = logging.getLogger("channelshim.appserver")

MAXIMUM_PATH_LENGTH: Final = 8192
"""Characters, as other servers have it. app.yaml's patterns are tried on a path, and
some take the square of its length."""

_FILE_METHODS: Final = frozenset({"GET", "HEAD"})
_ONE_AT_A_TIME: Final = "app.yaml says threadsafe: false"


class AppServer:
    """A legacy app behind its app.yaml, as a WSGI application and a Dispatcher.

    Calls are requests from outside; `dispatch` makes the platform's own.

    Args:
        root: the app's folder; None when wsgi_app is given and there is none.
        config: its app.yaml; None hands every request to wsgi_app.
        application: what is the same for every request.
        login: says who a request comes from, and answers its own pages.
        wsgi_app: stands in for app.yaml's scripts; see Scripts. None for a whole app.
        scripts: loaded by `loading`; None makes some that load when they are called.
        exposure: what the door allows.
        page_reports: admits what pages report about themselves; None refuses all.
    """

    def __init__(
        self,
        root: pathlib.Path | None,
        config: AppConfig | None,
        application: Application,
        login: Login,
        *,
        wsgi_app: WSGIApplication | None = None,
        scripts: Scripts | None = None,
        exposure: Exposure | None = None,
        page_reports: PageReports | None = None,
    ) -> None:
        self._config = config if config is not None else AppConfig(handlers=())
        self._root = pathlib.Path() if root is None else root.resolve()
        self._application = application
        self._login = login
        self._exposure = exposure or Exposure()
        self._refuse = HandlerAccess(self._exposure, login).refuse
        self._login_rule = LoginRule(login, is_open=self._exposure.allows_dev_login)
        per_minute = self._exposure.logins_per_minute
        self._serve_login = LimitedLogin(login, per_minute)
        self._page_reports = page_reports
        self._scripts = scripts or Scripts(self._root, wsgi_app)
        self._wsgi_app = wsgi_app
        self._access_log = AccessLog()
        self._refusals = RefusalLog()
        self._serial = None
        if not self._config.is_threadsafe:
            self._serial = AppLock(threading.Lock(), _ONE_AT_A_TIME)

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request from outside; whatever its handler raises is a 500."""
        return guarded(self._serve_visitor, environ, start_response, self._fail)

    def _serve_visitor(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        if len(str(environ.get("PATH_INFO", ""))) > MAXIMUM_PATH_LENGTH:
            # Before anything looks at it more closely.
            sentence = f"A path has {MAXIMUM_PATH_LENGTH:,} characters at most.\n"
            return answer(start_response, HTTPStatus.REQUEST_URI_TOO_LONG, sentence)
        environ = guard.clean(environ)
        if self._exposure.server_name:
            environ["SERVER_NAME"] = self._exposure.server_name
        # Who has connected, before a proxy's word for who has asked.
        peer = str(environ.get("REMOTE_ADDR", ""))
        settle_client(environ, self._exposure.trusted_proxies)
        if refusal := self.host_refusal(str(environ.get("HTTP_HOST", "")), peer):
            return answer(start_response, HTTPStatus.BAD_REQUEST, refusal + "\n")
        user = self._login.user(environ)
        no_login = self._login_rule.refusal(environ, user, self._exposure.hosts.names)
        if no_login:
            user = None
        if guard.is_reserved(environ) and not (
            self._page_reports is not None and self._page_reports.admits(environ, user)
        ):
            return answer(
                start_response,
                HTTPStatus.FORBIDDEN,
                "Only the platform itself makes requests to this address.\n",
            )
        if sentence := form_bounds.refusal(environ):
            return answer(start_response, HTTPStatus.BAD_REQUEST, f"{sentence}\n")
        if environ.get("PATH_INFO") in self._login.paths:
            if no_login:
                return answer(start_response, HTTPStatus.FORBIDDEN, no_login + "\n")
            return self._serve_login(environ, start_response)
        page = find_page(environ)
        if page is not None:
            variables = request_variables(self._application, environ, user)
            serve = partial(self._serve, user=user)
            return page(environ, start_response, RequestScope(variables), serve)
        return self._serve(environ, start_response, user)

    def is_for_a_file(self, environ: Mapping[str, Any]) -> bool:
        """Return whether a request from outside needs no code of the app's.

        Told by app.yaml alone, and quickly: True where its first handler has a file,
        or the answer that there is none. What is False may be for a file all the same.
        """
        path = _path_text(environ)
        if (
            path is None
            or path.startswith("/_ah/")
            or environ["REQUEST_METHOD"] not in _FILE_METHODS
        ):
            return False
        for handler in self._config.handlers:
            if handler.pattern.match(path):
                is_file = handler.kind in (STATIC_DIR, STATIC_FILES)
                return is_file and not handler.has_fall_through
        return False

    def describe_fault(self) -> str:
        """Return a sentence about a request that holds up all others, or ""."""
        serial = "" if self._serial is None else self._serial.describe_fault()
        return serial or self._scripts.describe_fault()

    def loaded_files(self) -> Iterator[str]:
        """Yield the path of every file whose code was loaded; see Dialect.files."""
        return self._scripts.files()

    def host_refusal(self, host: str, peer: str) -> str:
        """Return why the host of a Host header is not served here, or "".

        Args:
            host: the header; "" when there is none.
            peer: address of who has connected, a proxy included.
        """
        refusal = self._exposure.hosts.refusal(host, peer)
        if refusal:
            self._refusals.add(refusal)
        return refusal

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        """Make a request of the platform's own; see contracts.Dispatcher."""
        try:
            environ = internal_environ(request, self._exposure.host)
            request_id = self._access_log.new_id()
            if request_id:
                environ["HTTP_X_REQUEST_ID"] = request_id
            serve = partial(guarded, self._serve_platform, fail=self._fail)
            begun = time.monotonic()
            response = collect(serve, environ)
            seconds = time.monotonic() - begun
            path, mark, query = request.path.partition("?")
            target = f"{quote(path)}{mark}{query}"
            address = environ["REMOTE_ADDR"]
            size = len(response.body)
            facts = (address, request.method, target, response.status, size, seconds)
            self._access_log.note(*facts, request_id)
            return response
        except BaseException:
            # In the middle of its answer; all before is an error page.
            path = one_line(request.path)
            _logger.exception("%s %s failed", one_line(request.method), path)
            return InternalResponse(500, (), b"")

    def _serve_platform(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        if environ["PATH_INFO"] == limits.PATH_STOP:
            self._begin_shutdown(environ)
        return self._serve(environ, start_response, None)

    def _begin_shutdown(self, environ: WSGIEnvironment) -> None:
        scope = RequestScope(request_variables(self._application, environ, None))
        try:
            scope.run(shutdown.begin_shutdown)
        except BaseException:
            _logger.exception("the hook of runtime.set_shutdown_hook failed")
        finally:
            scope.close()

    def _serve(
        self, environ: WSGIEnvironment, start_response: StartResponse, user: User | None
    ) -> Iterable[bytes]:
        """Answer a request that may be believed, made by user."""
        if self._wsgi_app is not None and not self._config.handlers:
            # Without an app.yaml there is no `builtins: deferred`; it just works.
            is_deferred = environ.get("PATH_INFO") == DEFERRED_PATH
            application: str | WSGIApplication = self._wsgi_app
            if is_deferred and guard.is_internal(environ):
                application = DEFERRED_APPLICATION
            return self._run(application, environ, start_response, user)
        path = _path_text(environ)
        if path is None:
            return answer(start_response, HTTPStatus.BAD_REQUEST, "No such path.\n")
        is_first = True
        for handler in self._config.handlers:
            match = handler.pattern.match(path)
            if match is None:
                continue
            refusal = self._refuse(handler, environ, start_response, user)
            if refusal is not None:
                return refusal
            if handler.kind in (STATIC_DIR, STATIC_FILES):
                answered = self._serve_file(
                    handler, match, environ, start_response, is_first=is_first
                )
            else:
                answered = self._run_script(
                    handler, match, environ, start_response, user
                )
            if answered is not None:
                return answered
            is_first = False
        tried = self._config if guard.is_from_loopback(environ) else None
        return answer_not_found(environ, start_response, path, tried)

    def _serve_file(
        self,
        handler: Handler,
        match: re.Match[str],
        environ: WSGIEnvironment,
        start_response: StartResponse,
        *,
        is_first: bool,
    ) -> Iterable[bytes] | None:
        """Answer by a file; None leaves the request to the next handler.

        Args:
            handler: whose file.
            match: of its pattern.
            environ: of the request.
            start_response: of the request.
            is_first: whether no handler before it matches, which could have the file
                tomorrow.
        """
        path = static.find_file(
            self._root, self._config, handler, match, private=self._exposure.private
        )
        if path is None:
            if handler.has_fall_through:
                return None
            return answer_no_file(environ, start_response, _path_text(environ) or "")
        return static.serve_file(
            path,
            environ,
            start_response,
            handler=handler,
            default_expiration_seconds=self._config.default_expiration_seconds,
            is_for_all=is_first and _is_for_all(handler),
        )

    def _run_script(
        self,
        handler: Handler,
        match: re.Match[str],
        environ: WSGIEnvironment,
        start_response: StartResponse,
        user: User | None,
    ) -> Iterable[bytes]:
        if handler.target == NOTHING:
            return answer(start_response, HTTPStatus.NOT_FOUND, "No such script.\n")
        script = handler.target
        if "\\" in script:
            script = static.expand(script, match)
        is_file = script.endswith(".py") and self._wsgi_app is None
        if (is_file or "\\" in handler.target) and not self._scripts.is_own(script):
            return answer(start_response, HTTPStatus.NOT_FOUND, "No such script.\n")
        return self._run(script, environ, start_response, user)

    def _run(
        self,
        script: str | WSGIApplication,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        user: User | None,
    ) -> Iterable[bytes]:
        with Turn(self._serial, environ) as turn:
            environ["wsgi.multithread"] = self._serial is None
            environ[guard.INSIDE_KEY] = guard.INTERNAL
            scheme = str(environ.get("wsgi.url_scheme", "http"))
            environ["REQUEST_SCHEME"] = scheme
            environ["HTTPS"] = "on" if scheme == "https" else "off"
            # Apps and deferred ask the WSGI environment as well as os.environ.
            platform = platform_variables(self._application, environ, user)
            if isinstance(script, str):
                platform["PATH_TRANSLATED"] = self._scripts.file_of(script)
            variables = request_variables(self._application, environ, user, platform)
            variables[upload_guard.VARIABLE] = upload_guard.uploads_of(environ)
            environ.update(platform)
            turn.enter(RequestScope(variables))
            namespace = environ.get("HTTP_X_APPENGINE_CURRENT_NAMESPACE")
            if namespace and guard.is_internal(environ):
                turn.run(_set_namespace, namespace)
            if isinstance(script, str):
                script = self._scripts.lazy(script)
            return run_app(script, environ, start_response, turn, put_blob)

    def _fail(
        self, environ: WSGIEnvironment, start_response: StartResponse, exc_info: Any
    ) -> Iterable[bytes]:
        # As it came: its address may be a proxy's.
        visitor = guard.clean(environ)
        settle_client(visitor, self._exposure.trusted_proxies)
        is_shown = self._exposure.show_tracebacks and guard.is_from_loopback(visitor)
        return answer_error(
            environ,
            start_response,
            exc_info,
            root=self._root,
            config=self._config,
            has_traceback=is_shown,
        )


def _is_for_all(handler: Handler) -> bool:
    """Return whether a handler answers everybody alike, whatever the scheme."""
    return handler.login == "optional" and handler.secure in ("default", "optional")


def _path_text(environ: Mapping[str, Any]) -> str | None:
    """Return the path as text, or None when it is malformed."""
    path = str(environ.get("PATH_INFO", "")) or "/"
    if not path.startswith("/") or "\0" in path:
        return None
    return path.encode("latin-1", "replace").decode("utf-8", "replace")


def _set_namespace(namespace: str) -> None:
    from google.appengine.api import namespace_manager

    namespace_manager.set_namespace(namespace)
