"""An instance served by our own server, until a signal or a change of its files."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from channelshim.appserver.access_log import AccessLog
from channelshim.appserver.application import Exposure
from channelshim.composition.front import Front
from channelshim.composition.instance import Instance
from channelshim.composition.plan import Plan
from channelshim.composition.policy import is_on_loopback, worker_count
from channelshim.composition.reloading import Command, Handover, Watcher
from channelshim.hub.pacing import Pacing
from channelshim.hub.passes import CallSoon
from channelshim.server.serve import Application, Listener, Server, make_bridge
from channelshim.transports.origins import Origins
from channelshim.transports.ring_sender import RingSender
from channelshim.transports.routes import Routes
from channelshim.transports.stop_signals import INTERRUPT_SECONDS, STOP_SECONDS
from channelshim.transports.websocket import Acceptor

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SWITCH_SECONDS: Final = 0.001
"""sys.setswitchinterval while serving: handlers that compute hold the interpreter for
5 ms at a time by default, and the loop's first message would wait as long
(docs/explanation/performance.md)."""


def address_of(plan: Plan, listener: socket.socket) -> str:
    """Return host and port for an address of ours."""
    host = "[::1]" if plan.settings.host == "::1" else plan.settings.host
    return f"{host}:{listener.getsockname()[1]}"


def exposure_of(
    plan: Plan, listener: socket.socket, own: socket.socket | None = None
) -> Exposure:
    """Return what the door of our own server allows.

    Args:
        plan: of the app.
        listener: the first one, whose address decides.
        own: where a further module listens; None for the first one.
    """
    settings = plan.settings
    is_loopback = is_on_loopback(listener)
    return Exposure(
        host=address_of(plan, own or listener),
        allowed_hosts=(
            frozenset(settings.allowed_hosts)
            if is_loopback
            else settings.allowed_hosts or None
        ),
        trusted_proxies=plan.proxies,
        allows_dev_login=settings.allow_dev_login,
        enforces_secure=settings.enforce_secure,
        show_tracebacks=is_loopback,
        server_name=settings.host,
    )


class Served(Protocol):
    """What answers for the app: one AppServer, or several modules."""

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request from outside."""

    def host_refusal(self, host: str) -> str:
        """See AppServer.host_refusal."""

    def loaded_files(self) -> Iterator[str]:
        """See AppServer.loaded_files."""


class Serving:
    """One instance behind our own server.

    Args:
        instance: with its store open.
        app_server: of the instance, its app loaded.
        listeners: from server.serve.bind, the app's own first; closed at the end.
        say: prints a line for the person at the terminal.
        command: executed again, in this process's place, when a file of the app has
            changed; None leaves changes alone.
        is_app_broken: whether an error page stands in for the app until it is fixed;
            its jobs wait for it.
        names: what the listeners behind the first one are.
    """

    def __init__(
        self,
        instance: Instance,
        app_server: Served,
        listeners: Sequence[socket.socket],
        say: Callable[[str], None],
        *,
        command: Command | None = None,
        is_app_broken: bool = False,
        names: Sequence[str] = (),
    ) -> None:
        plan = instance.plan
        settings = plan.settings
        self._plan = plan
        self._say = say
        self._command = command
        self._is_app_broken = is_app_broken
        self._addresses = [address_of(plan, each) for each in listeners]
        self._names = names
        self._changed = ""
        # A duplicate: closing the server's own must not close what the next one
        # inherits.
        self._kept = [each.dup() for each in listeners if command is not None]
        self._sender = RingSender()
        pacing = Pacing()
        self._front = Front(instance, sender=self._sender, pacing=pacing)
        threads = worker_count(settings, plan.app.config)
        bridge = make_bridge(
            AccessLog(app_server),
            threads,
            instance.threads,
            pacing=pacing,
            when_safe=instance.broker.when_safe,
        )
        host_refusal = app_server.host_refusal
        origins = Origins(settings.allowed_origins)
        acceptor = Acceptor(
            self._front.hub,
            instance.tokens,
            instance.clock,
            lambda origin, host: (
                not host_refusal(host) and origins.allows(origin, host)
            ),
            sender=self._sender,
            send_buffer_bytes=settings.send_buffer_bytes,
            send_buffer_total_bytes=settings.send_buffer_total_bytes,
        )
        routes = Routes(self._front.poller, host_refusal, origins, has_sockets=True)
        bridge.report_to(instance.status)
        acceptor.report_to(instance.status)
        application = Application(bridge, routes)
        self._server = Server(
            [Listener(each, application, acceptor) for each in listeners],
            on_started=self._started,
            on_stopping=self._stopping,
        )
        self._watcher = Watcher(
            plan.app.directory,
            self._unwatched(),
            self._note_change,
            is_app_broken=is_app_broken,
            loaded_files=app_server.loaded_files,
            threads=instance.threads,
        )

    def run(self) -> None:
        """Serve until Ctrl-C, SIGTERM or a change, then give everything back."""
        if self._command is not None:
            self._watcher.start()
        sys.setswitchinterval(SWITCH_SECONDS)
        # What is loaded now stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        self._server.run()
        self._sender.close()
        self._watcher.stop()
        # Tasks in hand get what requests get; one that is cut off runs again.
        waits = self._server.is_terminated
        self._front.close(STOP_SECONDS if waits else INTERRUPT_SECONDS)
        if self._changed and self._command is not None and self._kept:
            root = self._plan.app.directory.resolve()
            self._say(f"{os.path.relpath(self._changed, root)} has changed: reloading.")
            application_id = self._plan.application.application_id
            self._command.replace_process(
                Handover(
                    self._kept[0],
                    application_id,
                    self._plan.store_directory,
                    tuple(self._kept[1:]),
                )
            )

    def _started(self, loop: asyncio.AbstractEventLoop, call_soon: CallSoon) -> None:
        self._sender.open()
        self._front.start(loop, call_soon)
        if not self._is_app_broken:
            self._front.start_jobs()
        name = self._plan.application.application_id
        self._say(f"{name} is running at http://{self._addresses[0]}/")
        for module, address in zip(self._names, self._addresses[1:], strict=False):
            self._say(f"{module} is running at http://{address}/")
        self._say("Press Ctrl-C to stop.")

    def _stopping(self) -> None:
        if not self._changed:
            # The end: nobody should wait for a next one.
            for listener in self._kept:
                listener.close()
        self._front.stop()

    def _note_change(self, path: str) -> None:
        self._changed = path
        self._server.stop()

    def _unwatched(self) -> list[Path]:
        """Return the folders below the app's whose changes need no reload."""
        config = self._plan.app.config
        static = config.static_directories if config else ()
        directory = self._plan.app.directory
        return [self._plan.store_directory, *(directory / name for name in static)]
