"""One request's way: guard, login, app.yaml's handlers, the app, the answer."""

from __future__ import annotations

import logging
import os
import pathlib
import re
import threading
from collections.abc import Callable, Collection, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from channelshim import limits
from channelshim.appserver import guard, login, static, uploads
from channelshim.appserver.blob_answers import put_blob
from channelshim.appserver.blob_pages import find_page
from channelshim.appserver.internal import collect, internal_environ
from channelshim.appserver.libraries import missing_libraries
from channelshim.appserver.page_reports import PageReports
from channelshim.appserver.pages import error_html, not_found_text, own_error_page
from channelshim.appserver.proxies import Network, settle_client
from channelshim.appserver.responses import answer, run_app
from channelshim.appserver.scripts import Scripts, WsgiApp
from channelshim.appyaml import config as kinds
from channelshim.appyaml.config import AppConfig, Handler
from channelshim.appyaml.handlers import DEFERRED_APPLICATION, DEFERRED_PATH
from channelshim.protocol.contracts import (
    Account,
    Clock,
    InternalRequest,
    InternalResponse,
)
from channelshim.protocol.cookies import CookieSigner
from channelshim.runtime import ndb_state
from channelshim.runtime.environment import RequestScope
from channelshim.runtime.variables import (
    SERVER_SOFTWARE,
    Application,
    User,
    request_variables,
)
from channelshim.services import (
    access_tokens,
    background_threads,
    shutdown,
    upload_guard,
)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

_logger: Final = logging.getLogger("channelshim.appserver")


class AppServer:
    """A legacy app behind its app.yaml, as a WSGI application and a Dispatcher.

    Calls are requests from outside; `dispatch` makes the platform's own.

    Args:
        root: the app's folder; None when wsgi_app is given and there is none.
        config: its app.yaml; None hands every request to wsgi_app.
        application: what is the same for every request.
        cookies: signs and reads the login cookie.
        wsgi_app: an application to wrap instead of app.yaml's scripts.
        remember: called with the account of each login.
        clock: says when a login was; needed with remember.
        identity: turns a request into a user; None means the cookie.
        allowed_hosts: names besides loopback's that Host may say; None allows all.
        trusted_proxies: from proxies.parse_networks; whose forwarded headers count.
        enforces_secure: whether `secure:` redirects; off, as in the old server, since
            a server on loopback speaks http alone.
        host: Host header of the platform's own requests; settable.
        show_tracebacks: whether a 500 shows the app's traceback, to requests from
            this machine only.

    Attributes:
        wsgi_app: the application in the place of app.yaml's scripts, or None; may be
            set before serving, as may allowed_hosts and show_tracebacks.
        page_reports: admits what pages report about themselves; None refuses all.
    """

    def __init__(
        self,
        root: pathlib.Path | None,
        config: AppConfig | None,
        application: Application,
        cookies: CookieSigner,
        *,
        wsgi_app: WsgiApp | None = None,
        remember: Callable[[Account], None] | None = None,
        clock: Clock | None = None,
        identity: login.Identity | None = None,
        allowed_hosts: Collection[str] | None = None,
        trusted_proxies: tuple[Network, ...] = (),
        enforces_secure: bool = False,
        host: str = "localhost",
        show_tracebacks: bool = False,
    ) -> None:
        self.config = config if config is not None else AppConfig(handlers=())
        self._root = pathlib.Path() if root is None else root.resolve()
        self._application = application
        self.wsgi_app = wsgi_app
        self._identity = identity or login.CookieIdentity(cookies)
        self._login_app = login.make_login_app(
            cookies, self._identity, _rememberer(remember, clock)
        )
        self.allowed_hosts = allowed_hosts
        self._trusted_proxies = trusted_proxies
        self._enforces_secure = enforces_secure
        self.host = host
        self.show_tracebacks = show_tracebacks
        self.page_reports: PageReports | None = None
        self._scripts = Scripts(self._root)
        self._serial = None if self.config.is_threadsafe else threading.Lock()
        for mended in (upload_guard, access_tokens, background_threads):
            mended.install()

    def load(self) -> None:
        """Enter the app's folder and import every script that app.yaml names.

        One that cannot be loaded is logged and answers 500, as long as another can.

        Raises:
            AppImportError: none can be loaded; the first one's error.
        """
        if self.wsgi_app is not None:
            return
        self._scripts.enter_folder()
        self._set_process_variables()
        self._scripts.load_configuration()
        for warning in self.config.warnings:
            _logger.warning("%s", warning)
        for missing in missing_libraries(self.config.libraries):
            _logger.warning("%s", missing)
        try:
            self._scripts.load_all(
                handler.target
                for handler in self.config.handlers
                if handler.kind == kinds.SCRIPT and "\\" not in handler.target
            )
        finally:
            # Modules that query while they are imported leave ndb's state behind.
            ndb_state.finish()

    def _set_process_variables(self) -> None:
        """Put into the process's own environment what modules read at import.

        No user, and no time zone: other programs' ideas of those stay as they are.
        """
        name, _, port = self.host.partition(":")
        bare = {"SERVER_NAME": name, "SERVER_PORT": port or "80"}
        for key, value in request_variables(self._application, bare, None).items():
            if key != "TZ" and not key.startswith("USER_"):
                os.environ[key] = value

    def __call__(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request from outside."""
        environ = guard.clean(environ)
        settle_client(environ, self._trusted_proxies)
        if not self.is_host_allowed(str(environ.get("HTTP_HOST", ""))):
            return answer(
                start_response,
                HTTPStatus.BAD_REQUEST,
                "This server does not answer for the host that the request names.\n",
            )
        user = self._identity.user(environ)
        if guard.is_reserved(environ) and not (
            self.page_reports is not None and self.page_reports.admits(environ, user)
        ):
            return answer(
                start_response,
                HTTPStatus.FORBIDDEN,
                "Only the platform itself makes requests to this address.\n",
            )
        if environ.get("PATH_INFO") in (limits.PATH_LOGIN, limits.PATH_LOGOUT):
            pages: Iterable[bytes] = self._login_app(environ, start_response)
            return pages
        page = find_page(environ)
        if page is not None:
            variables = request_variables(self._application, environ, user)
            serve = partial(self._serve, user=user)
            return page(environ, start_response, RequestScope(variables), serve)
        return self._serve(environ, start_response, user)

    def is_host_allowed(self, host: str) -> bool:
        """Return whether a Host header names a host that is served here."""
        return guard.is_host_allowed(host, self.allowed_hosts)

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        """Make a request of the platform's own; see contracts.Dispatcher."""
        environ = internal_environ(request, self.host)
        try:
            return collect(self._serve_platform, environ)
        except Exception:
            _logger.exception("%s %s failed", request.method, request.path)
            return InternalResponse(500, (), b"")

    def _serve_platform(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        if environ["PATH_INFO"] == limits.PATH_STOP:
            self._begin_shutdown(environ)
        return self._serve(environ, start_response, None)

    def _begin_shutdown(self, environ: Environ) -> None:
        scope = RequestScope(request_variables(self._application, environ, None))
        try:
            scope.run(shutdown.begin_shutdown)
        except Exception:
            _logger.exception("the hook of runtime.set_shutdown_hook failed")
        finally:
            scope.close()

    def _serve(
        self, environ: Environ, start_response: StartResponse, user: User | None
    ) -> Iterable[bytes]:
        """Answer a request that may be believed, made by user."""
        if self.wsgi_app is not None:
            # Without an app.yaml there is no `builtins: deferred`; it just works.
            is_deferred = environ.get("PATH_INFO") == DEFERRED_PATH
            application: str | WsgiApp = self.wsgi_app
            if is_deferred and guard.is_internal(environ):
                application = DEFERRED_APPLICATION
            return self._run(application, environ, start_response, user)
        path = _path_text(environ)
        if path is None:
            return answer(start_response, HTTPStatus.BAD_REQUEST, "No such path.\n")
        for handler in self.config.handlers:
            match = handler.pattern.match(path)
            if match is None:
                continue
            refusal = self._refuse(handler, environ, start_response, user)
            if refusal is not None:
                return refusal
            answered = self._handle(handler, match, environ, start_response, user)
            if answered is not None:
                return answered
        tried = self.config if guard.is_from_loopback(environ) else None
        return answer(start_response, HTTPStatus.NOT_FOUND, not_found_text(path, tried))

    def _refuse(
        self,
        handler: Handler,
        environ: Environ,
        start_response: StartResponse,
        user: User | None,
    ) -> Iterable[bytes] | None:
        """Answer instead of the handler when `secure:` or `login:` says so."""
        if self._enforces_secure and not guard.is_internal(environ):
            location = _other_scheme(handler, environ)
            if location:
                status = HTTPStatus(handler.redirect_status)
                return answer(start_response, status, "", [("Location", location)])
        if handler.login == "optional" or guard.is_internal(environ):
            return None
        if uploads.follows_upload(environ):
            return None
        if user is None and handler.auth_fail_action == "redirect":
            return answer(
                start_response,
                "302 Requires login",
                "",
                [("Location", login.login_url(environ))],
            )
        if user is None:
            return answer(
                start_response, "401 Not authorized", "Login required to view page.\n"
            )
        if handler.login == "admin" and not user.is_admin:
            return answer(
                start_response,
                "401 Not authorized",
                f"Current logged in user {user.email} is not authorized to view this "
                "page.\n",
            )
        return None

    def _handle(
        self,
        handler: Handler,
        match: re.Match[str],
        environ: Environ,
        start_response: StartResponse,
        user: User | None,
    ) -> Iterable[bytes] | None:
        """Answer by a handler that matches; None leaves it to the next one."""
        if handler.kind in (kinds.STATIC_DIR, kinds.STATIC_FILES):
            path = static.find_file(self._root, self.config, handler, match)
            if path is not None:
                return static.serve_file(
                    path,
                    environ,
                    start_response,
                    handler=handler,
                    default_expiration_seconds=self.config.default_expiration_seconds,
                )
            if handler.has_fall_through:
                return None
            return answer(start_response, HTTPStatus.NOT_FOUND, "No such file.\n")
        script = static.expand(handler.target, match)
        if "\\" in handler.target and not self._scripts.is_own(script):
            return answer(start_response, HTTPStatus.NOT_FOUND, "No such script.\n")
        return self._run(script, environ, start_response, user)

    def _run(
        self,
        script: str | WsgiApp,
        environ: Environ,
        start_response: StartResponse,
        user: User | None,
    ) -> Iterable[bytes]:
        finished = _nothing
        if self._serial is not None:
            self._serial.acquire()
            finished = self._serial.release
        environ["wsgi.multithread"] = self._serial is None
        scheme = str(environ.get("wsgi.url_scheme", "http"))
        environ["REQUEST_SCHEME"] = scheme
        environ["HTTPS"] = "on" if scheme == "https" else "off"
        # deferred asks the WSGI environment, not os.environ.
        environ["SERVER_SOFTWARE"] = SERVER_SOFTWARE
        variables = request_variables(self._application, environ, user)
        scope = RequestScope({**variables, **upload_guard.variables(environ)})
        namespace = environ.get("HTTP_X_APPENGINE_CURRENT_NAMESPACE")
        if namespace and guard.is_internal(environ):
            scope.run(_set_namespace, namespace)
        application = self._scripts.lazy(script) if isinstance(script, str) else script
        try:
            return run_app(
                application,
                environ,
                start_response,
                scope,
                finished,
                partial(put_blob, environ),
            )
        except Exception:
            _logger.exception(
                "%s %s failed", environ["REQUEST_METHOD"], environ.get("PATH_INFO")
            )
            return self._error_page(environ, start_response)

    def _error_page(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        has_traceback = self.show_tracebacks and guard.is_from_loopback(environ)
        own = None if has_traceback else own_error_page(self._root, self.config)
        page = error_html(has_traceback=has_traceback)
        content_type, body = own or ("text/html; charset=utf-8", page.encode("utf-8"))
        return answer(
            start_response, HTTPStatus.INTERNAL_SERVER_ERROR, body, (), content_type
        )


def _rememberer(
    remember: Callable[[Account], None] | None, clock: Clock | None
) -> Callable[[User], None] | None:
    if remember is None or clock is None:
        return None

    def remember_user(user: User) -> None:
        account = Account(user.email, user.user_id, user.is_admin, clock.time())
        remember(account)

    return remember_user


def _other_scheme(handler: Handler, environ: Environ) -> str:
    """Return the URL that `secure:` wants instead, or ""."""
    scheme = environ.get("wsgi.url_scheme")
    wanted = {"always": "https", "never": "http"}.get(handler.secure, scheme)
    if scheme == wanted:
        return ""
    return f"{wanted}:{login.request_url(environ).partition(':')[2]}"


def _path_text(environ: Environ) -> str | None:
    """Return the path as text, or None when it is none."""
    path = str(environ.get("PATH_INFO", "")) or "/"
    if not path.startswith("/") or "\0" in path:
        return None
    return path.encode("latin-1", "replace").decode("utf-8", "replace")


def _set_namespace(namespace: str) -> None:
    from google.appengine.api import namespace_manager

    namespace_manager.set_namespace(namespace)


def _nothing() -> None:
    """Finish nothing."""
