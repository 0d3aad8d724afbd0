"""Where the console listens, and what it is made from at its first request."""

from __future__ import annotations

import functools
import logging
import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from channelshim import limits
from channelshim.appserver.hosts import HostRule
from channelshim.appserver.internal import internal_environ
from channelshim.composition.console_tails import ConsoleTails
from channelshim.composition.front import Front
from channelshim.composition.instance import Instance
from channelshim.composition.policy import is_on_loopback
from channelshim.composition.setting import Setting
from channelshim.composition.settings import SETTINGS, Settings
from channelshim.contracts import server_urls
from channelshim.contracts.broker import Replay
from channelshim.contracts.dispatcher import InternalRequest
from channelshim.contracts.identity import Login
from channelshim.contracts.logs import Logs
from channelshim.errors import BrokerError, ConfigurationError
from channelshim.hub.reports import presence_request
from channelshim.protocol.tokens import TokenClaims, expiry
from channelshim.runtime.environment import RequestScope
from channelshim.runtime.variables import request_variables
from channelshim.server.serve import bind

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from channelshim.console import sources as records
    from channelshim.console.application import Console

_logger: Final = logging.getLogger("channelshim.composition")

THREADS: Final = 4
"""Of the console, beside the app's own."""

PORTS_TRIED: Final = 32
"""Beginning with the default one, which several servers of a person would want."""

FORMS: Final = "console forms"
"""What the store's secrets are for."""

ANSWER_SECONDS: Final = 5.0
"""How long a page of the console waits for the loop or a back end."""

_NONCE_BYTES: Final = 8


def listen(
    settings: Settings, login: Login, before: socket.socket | None, *, is_reload: bool
) -> socket.socket | None:
    """Return the socket that the console listens on, or None for no console.

    Args:
        settings: as read.
        login: of the app; asked where others than this machine get here.
        before: what the process image before listened on.
        is_reload: whether there was one.

    Raises:
        ConfigurationError: the port that was asked for is taken, or anybody would be
            an administrator.
    """
    if not settings.console or is_reload:
        return before
    listener = _bind(settings)
    if listener is not None and login.asks_no_proof and not is_on_loopback(listener):
        listener.close()
        raise ConfigurationError(
            f"the console shows and changes everything, and {settings.admin_host} is "
            "reached by others while the login asks for no password: leave "
            "--admin_host at localhost and reach it with ssh -L, or turn it off with "
            "--console=no"
        )
    return listener


def _bind(settings: Settings) -> socket.socket | None:
    host, port = settings.admin_host, settings.admin_port
    if "admin_port" in settings.origins:
        return bind(host, port, prefix="admin_")
    if settings.port == 0:
        # Whoever takes any port for the app wants no fixed one beside it.
        return bind(host, 0, prefix="admin_")
    for candidate in range(port, port + PORTS_TRIED):
        try:
            listener = bind(host, candidate, prefix="admin_")
        except ConfigurationError as error:
            if not _is_taken(error):
                raise
            continue
        if candidate != port:
            _logger.warning(
                "port %d of %s is taken: the console listens on port %d",
                port,
                host,
                candidate,
            )
        return listener
    _logger.warning(
        "there is no console: ports %d to %d of %s are taken; choose one with "
        "--admin_port",
        port,
        port + PORTS_TRIED - 1,
        host,
    )
    return None


def _is_taken(error: ConfigurationError) -> bool:
    return isinstance(error.__cause__, OSError) and not isinstance(
        error.__cause__, socket.gaierror
    )


def url_of(settings: Settings, listener: socket.socket) -> str:
    """Return the console's address, with a slash at the end."""
    host = settings.admin_host
    shown = f"[{host}]" if ":" in host else host
    # As the app's: one login is for both, and its cookie may be for https alone.
    scheme = "https" if settings.ssl_certificate_path else "http"
    return f"{scheme}://{shown}:{listener.getsockname()[1]}/"


def hosts_of(settings: Settings, listener: socket.socket) -> HostRule:
    """Return what a Host header may say to the console.

    On loopback its names alone: `allowed_hosts` are for the app, and may be any.
    """
    if is_on_loopback(listener):
        return HostRule()
    names = {settings.admin_host.lower(), *settings.allowed_hosts}
    return HostRule(frozenset(names), takes_addresses=True)


class LazyConsole:
    """The console as a WSGI application, made at its first request.

    Args:
        instance: with its store open.
        front: its connections.
        listener: where the console listens.
        urls: of the app's listeners, its own first, without a slash at the end.
        tails: tells live what is sent to a channel.
        is_app_broken: whether an error page stands in for the app.
    """

    def __init__(
        self,
        instance: Instance,
        front: Front,
        listener: socket.socket,
        urls: Sequence[str],
        tails: ConsoleTails,
        *,
        is_app_broken: bool,
    ) -> None:
        self._instance = instance
        self._front = front
        self._is_near = is_on_loopback(listener)
        self._hosts = hosts_of(instance.plan.settings, listener)
        self._urls = urls
        self._tails = tails
        self._is_app_broken = is_app_broken
        self._started_at = instance.clock.time()
        self._lock = threading.Lock()
        self._console: Console | None = None

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request."""
        console = self._console
        if console is None:
            with self._lock:
                if self._console is None:
                    self._console = self._make()
                console = self._console
        return console(environ, start_response)

    def _make(self) -> Console:
        from channelshim.console.application import Console
        from channelshim.console.checks import Checks, Forms
        from channelshim.console.sources import Sources

        instance = self._instance
        sources = Sources(
            app=self._facts(),
            clock=instance.clock,
            status=instance.status,
            overview=self._front.overview,
            channels=Channels(instance, self._front),
            tails=self._tails,
            store=instance.store,
            dispatcher=instance.sites,
            in_app=AppScope(instance, self._urls[0]),
            jobs=instance.jobs,
            start_thread=instance.threads.start,
            limit=instance.deadlines.limit,
            login=instance.login,
            logs=logs_of_this_process(),
            code_names=_code_names,
            wake_mail=instance.wake_mail,
        )
        # Who asks for proof for the app asks for it here too, near or far.
        asks_nobody = self._is_near and instance.login.asks_no_proof
        checks = Checks(self._hosts, None if asks_nobody else instance.login)
        return Console(sources, checks, Forms(instance.secrets(FORMS)))

    def _facts(self) -> records.AppFacts:
        from channelshim.console import sources as records

        plan = self._instance.plan
        settings = plan.settings
        further = (*plan.modules, *plan.elsewhere)
        configs = (plan.app.config, *(each.config for each in further))
        applications = (
            plan.application,
            *(each.application for each in further),
        )
        return records.AppFacts(
            application_id=plan.application.application_id,
            directory=plan.app.directory.resolve(),
            is_python27=plan.is_python27,
            is_broken=self._is_app_broken,
            url=self._urls[0],
            modules=[
                records.Module(each.module, each.version, url, config)
                for each, url, config in zip(
                    applications, self._urls_of_modules(), configs, strict=True
                )
            ],
            queues=plan.app.queues,
            cron=plan.app.cron,
            runs_cron=settings.cron,
            runs_tasks=settings.enable_task_running,
            settings=settings_in_force(settings),
            store_directory=plan.store_directory,
            started_at=self._started_at,
            allows_code=settings.console_code and self._is_near,
            is_mail_stored=plan.store.is_shared or plan.mail is not None,
            mail_route="" if plan.mail is None else str(plan.mail),
        )

    def _urls_of_modules(self) -> list[str]:
        """Return each module's address, in the order of the plan."""
        plan = self._instance.plan
        app = plan.app
        names = [plan.application.module]
        names += [each.application.module for each in (*plan.modules, *plan.elsewhere)]
        own = self._urls[app.dispatch is not None :]
        by_name = dict(zip(app.order, own, strict=False))
        return [by_name.get(name, self._urls[0]) for name in names]


def settings_in_force(settings: Settings) -> list[records.Setting]:
    """Return every setting as text, with who said it; of secrets no value."""
    from channelshim.console import sources as records

    return [
        records.Setting(
            each.name,
            _shown(each, getattr(settings, each.name)),
            _text(each.default, is_secret=each.is_secret),
            settings.origins.get(each.name, "default"),
            each.group,
            each.help,
            each.unit,
        )
        for each in SETTINGS
    ]


def _shown(setting: Setting, value: Any) -> str:
    if setting.is_url and value:
        return server_urls.shown(str(value))
    return _text(value, is_secret=setting.is_secret)


def _text(value: Any, *, is_secret: bool) -> str:
    if is_secret:
        return "set" if value else ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value)
    if hasattr(value, "items"):
        # A variable of an app may hold a password.
        return ", ".join(f"{name}=..." for name in value)
    return str(value)


def _code_names() -> dict[str, Any]:
    from channelshim.composition.commands import shell_names

    return shell_names()


def logs_of_this_process() -> Logs:
    """Return the latest lines of the log: of its handler, or from now on."""
    from channelshim.appserver.access_log import LOGGER_NAME
    from channelshim.runtime.log_lines import LineHandler
    from channelshim.runtime.log_ring import LogRing, LogRingHandler

    root = logging.getLogger()
    for handler in root.handlers:
        if isinstance(handler, (LineHandler, LogRingHandler)):
            return handler.ring
    ring = LogRing(LOGGER_NAME)
    root.addHandler(LogRingHandler(ring))
    return ring


class Channels:
    """Implements console.sources.ChannelActions.

    Args:
        instance: with its store open.
        front: its connections.
    """

    def __init__(self, instance: Instance, front: Front) -> None:
        self._instance = instance
        self._front = front

    def send(self, client_id: str, text: str) -> None:
        """See console.sources.ChannelActions."""
        self._instance.broker.publish(client_id, text)

    def create_token(self, client_id: str, minutes: int | None) -> str:
        """See console.sources.ChannelActions."""
        instance = self._instance
        claims = TokenClaims(
            client_id,
            expiry(
                instance.clock.time(),
                limits.DEFAULT_TOKEN_MINUTES if minutes is None else minutes,
            ),
            instance.broker.expect(client_id),
            secrets.token_bytes(_NONCE_BYTES),
        )
        return instance.tokens.sign(claims)

    def report_presence(self, client_id: str, *, is_connected: bool) -> int:
        """See console.sources.ChannelActions."""
        request = presence_request(client_id, is_connected=is_connected)
        return self._instance.sites.dispatch(request).status

    def read_since(self, client_id: str, after: int | None) -> tuple[int, list[str]]:
        """See console.sources.ChannelActions."""
        found: Future[Replay] = Future()

        def done(replay: Replay) -> None:
            if not found.done():
                found.set_result(replay)

        def failed(error: BrokerError) -> None:
            if not found.done():
                found.set_exception(error)

        self._front.hub.ask(
            functools.partial(self._front.hub.replay, client_id, after, done, failed)
        )
        try:
            replay = found.result(ANSWER_SECONDS)
        except FutureTimeout as error:
            raise BrokerError("the channels did not answer: try again") from error
        return replay.number, list(replay.texts)


class AppScope:
    """Implements console.sources.InApp: a request of the app without a request.

    Args:
        instance: whose app.
        url: of the app.
    """

    def __init__(self, instance: Instance, url: str) -> None:
        self._application = instance.plan.application
        self._host = url.partition("://")[2]

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """See console.sources.InApp."""
        environ = internal_environ(InternalRequest("GET", "/"), self._host)
        scope = RequestScope(request_variables(self._application, environ, None))
        try:
            answer = scope.run(functools.partial(function, *arguments))
        except BaseException:
            # What failed first is what matters.
            with suppress(Exception):
                scope.close()
            raise
        scope.close()
        return answer
