"""The console as a WSGI application, and the app's facts that it is made from."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from channelshim.composition.console_door import hosts_of
from channelshim.composition.console_tails import ConsoleTails
from channelshim.composition.front import Front
from channelshim.composition.instance import Instance
from channelshim.composition.policy import is_on_loopback
from channelshim.contracts.logs import Logs

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from channelshim.console import sources as records
    from channelshim.console.application import Console

FORMS: Final = "console forms"
"""What the store's secrets are for."""


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
        from channelshim.composition.console_actions import AppScope, Channels
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
        from channelshim.composition.settings_in_force import settings_in_force
        from channelshim.console import sources as records

        plan = self._instance.plan
        settings = plan.settings
        return records.AppFacts(
            application_id=plan.application.application_id,
            directory=plan.app.directory.resolve(),
            is_python27=plan.is_python27,
            is_broken=self._is_app_broken,
            url=self._urls[0],
            modules=self._modules(),
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
            is_loaded_here=settings.workers <= 1 and not plan.app.elsewhere,
        )

    def _modules(self) -> list[records.Module]:
        from channelshim.console import sources as records

        plan = self._instance.plan
        further = (*plan.modules, *plan.elsewhere)
        configs = (plan.app.config, *(each.config for each in further))
        directories = [plan.app.directory] * (1 + len(plan.modules))
        directories += [each.directory for each in plan.app.elsewhere]
        applications = (plan.application, *(each.application for each in further))
        urls = self._urls_of_modules()
        return [
            records.Module(each.module, each.version, url, config, directory)
            for each, url, config, directory in zip(
                applications, urls, configs, directories, strict=True
            )
        ]

    def _urls_of_modules(self) -> list[str]:
        """Return each module's address, in the order of the plan."""
        plan = self._instance.plan
        app = plan.app
        names = [plan.application.module]
        names += [each.application.module for each in (*plan.modules, *plan.elsewhere)]
        own = self._urls[app.dispatch is not None :]
        by_name = dict(zip(app.order, own, strict=False))
        return [by_name.get(name, self._urls[0]) for name in names]


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
