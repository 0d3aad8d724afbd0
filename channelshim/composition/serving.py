"""An instance served by our own server, until a signal or a change of its files."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from channelshim.appserver.access_log import AccessLog
from channelshim.appserver.client_limits import limit_of
from channelshim.composition.addresses import Served, address_of
from channelshim.composition.console_door import THREADS as CONSOLE_THREADS
from channelshim.composition.console_door import hosts_of, url_of
from channelshim.composition.console_tails import ConsoleTails
from channelshim.composition.file_times import FileTimes
from channelshim.composition.front import Front
from channelshim.composition.health import health_of
from channelshim.composition.instance import Instance
from channelshim.composition.lazy_console import LazyConsole
from channelshim.composition.policy import worker_count
from channelshim.composition.probes import AdminPort
from channelshim.composition.reloading import (
    MAXIMUM_CATCH_UPS,
    Command,
    Handover,
    Watcher,
)
from channelshim.contracts.mails import MailRoute
from channelshim.errors import ConfigurationError
from channelshim.hub.pacing import Pacing
from channelshim.hub.passes import CallSoon
from channelshim.kernel import allocator
from channelshim.kernel.terminals import has_controlling_terminal
from channelshim.runtime import collector, interrupts
from channelshim.runtime.notices import NOTICES
from channelshim.server.bridge import WsgiBridge
from channelshim.server.request_ids import RequestIds
from channelshim.server.serve import Application, Listener, Server, make_bridge
from channelshim.server.stopping import StopSignals
from channelshim.transports.acceptor import Acceptor
from channelshim.transports.connection_table import ConnectionTable
from channelshim.transports.origins import Origins
from channelshim.transports.ring_sender import RingSender
from channelshim.transports.routes import Routes
from channelshim.transports.send_budget import SendBudget
from channelshim.transports.stop_signals import INTERRUPT_SECONDS, STOP_SECONDS
from channelshim.transports.websockets_names import check_at_start

if TYPE_CHECKING:
    # Most servers have no app processes, and load nothing for them.
    from channelshim.composition.front_processes import FrontProcesses

SWITCH_SECONDS: Final = 0.001
"""sys.setswitchinterval while serving: handlers that compute hold the interpreter for
5 ms at a time by default, and the loop's first message would wait as long
(bench/NOTES.md)."""


_HANGUP: Final = "SIGHUP"


class Serving:
    """One instance behind our own server.

    Args:
        instance: with its store open.
        app_server: of the instance, its app loaded.
        listeners: from server.binding.bind, the app's own first; closed at the end.
        say: prints a line for the person at the terminal.
        command: executed again, in this process's place, for a reload: at SIGHUP
            without a terminal, and when a file of the app has changed, where
            `automatic_restart` says so; None never.
        is_app_broken: whether an error page stands in for the app until it is fixed;
            its jobs wait for it.
        names: what the listeners behind the first one are.
        is_reload: whether the person at the terminal knows the address already.
        before: how the app's files looked before any was read; see Watcher.
        catch_ups: see Handover.
        workforce: the app processes, of which one has loaded the app; None where this
            process runs it.
        console: where the console listens; None for no console.
        tls: what all listeners speak https with; None for http.
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
        is_reload: bool = False,
        before: FileTimes | None = None,
        catch_ups: int = 0,
        workforce: FrontProcesses | None = None,
        console: socket.socket | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        plan = instance.plan
        settings = plan.settings
        self._plan = plan
        self._say = say
        self._command = command
        self._is_app_broken = is_app_broken
        if is_app_broken:
            sentence = "the app does not start; its address shows why"
            instance.status.check("app", lambda: sentence)
        self._addresses = [address_of(plan, each) for each in listeners]
        self._tls = tls
        self._scheme = "http" if tls is None else "https"
        self._names = names
        self._is_reload = is_reload
        self._catch_ups = catch_ups
        # Now: of a terminal that was closed it can no longer be told.
        self._has_terminal = has_controlling_terminal()
        # Why it reloads: a file, or a signal.
        self._changed = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        # A duplicate: closing the server's own must not close what the next one
        # inherits.
        self._kept = [each.dup() for each in listeners if command is not None]
        self._kept_console = console.dup() if console and command is not None else None
        self._tails: ConsoleTails | None = None
        self._console_url = url_of(settings, console) if console else ""
        self._sender = RingSender()
        pacing = Pacing()
        self._front = Front(instance, sender=self._sender, pacing=pacing)
        self._workforce = workforce
        # Why there is no use in going on.
        self._given_up = ""
        bridge = _make_bridge(instance, app_server, pacing, workforce)
        host_refusal = app_server.host_refusal
        origins = Origins(settings.allowed_origins)
        table = ConnectionTable(
            SendBudget(settings.send_buffer_total_bytes, instance.clock.monotonic)
        )
        limit = limit_of(settings.connects_per_minute, "connects", plan.proxies)
        check_at_start()
        acceptor = Acceptor(
            self._front.hub,
            instance.tokens,
            instance.clock,
            lambda origin, host: (
                # Here it depends on no peer.
                not host_refusal(host, "") and origins.allows(origin, host)
            ),
            table=table,
            sender=self._sender,
            send_buffer_bytes=settings.send_buffer_bytes,
            limit=limit,
        )
        routes = Routes(
            self._front.poller,
            host_refusal,
            origins,
            has_sockets=True,
            health=health_of(instance),
            limit=limit,
            goes_on=self._front.poller.goes_on,
        )
        for part in (bridge, acceptor, table):
            part.report_to(instance.status)
        application = Application(bridge, routes)
        served = [Listener(each, application, acceptor, tls) for each in listeners]
        if console is not None:
            served.append(self._console_listener(instance, console, table))
        self._server = Server(
            served,
            table=table,
            on_started=self._started,
            on_stopping=self._stopping,
            takes_waiting=self._takes_waiting,
            before_end=self._end_processes if workforce is not None else None,
            threads=instance.threads,
        )
        self._watchers = [
            Watcher(
                folder,
                self._unwatched(folder),
                self._note_change,
                is_app_broken=is_app_broken,
                loaded_files=(
                    app_server.loaded_files
                    if workforce is None
                    else workforce.processes.loaded_files
                ),
                before=before if catch_ups < MAXIMUM_CATCH_UPS else None,
                threads=instance.threads,
            )
            for folder in plan.app.folders
        ]

    def _console_listener(
        self, instance: Instance, listener: socket.socket, table: ConnectionTable
    ) -> Listener:
        hosts = hosts_of(self._plan.settings, listener)
        tails = ConsoleTails(self._front.hub, instance.clock, table, hosts)
        self._tails = tails
        console = LazyConsole(
            instance,
            self._front,
            listener,
            [f"{self._scheme}://{address}" for address in self._addresses],
            tails,
            is_app_broken=self._is_app_broken,
        )
        port = AdminPort(console, instance, self._front, listener)
        bridge = make_bridge(port, CONSOLE_THREADS, instance.threads)
        application = Application(bridge, tails.routes)
        return Listener(listener, application, tails.acceptor, self._tls)

    def run(self) -> float:
        """Serve until Ctrl-C, SIGTERM or a change, then give everything back.

        Returns:
            the seconds that are left of the stop's bound, for threads of the app.

        Raises:
            ConfigurationError: app processes do not live; all is given back.
        """
        with StopSignals(self._signalled, self._hung_up) as signals:
            try:
                self._serve()
            finally:
                if self._workforce is not None:
                    self._workforce.processes.kill()
            if self._given_up:
                raise ConfigurationError(self._given_up)
            if self._changed and signals.number is None:
                self._reload()
        return self._server.seconds_left

    def _serve(self) -> None:
        if self._command is not None and self._plan.settings.automatic_restart:
            for watcher in self._watchers:
                watcher.start()
        sys.setswitchinterval(SWITCH_SECONDS)
        collector.freeze()
        allocator.give_back()
        interrupts.raise_if_interrupted()
        self._server.run()
        self._sender.close()
        for watcher in self._watchers:
            watcher.stop()
        # Tasks have what is left of the time that requests had; one that is cut off
        # runs again.
        self._front.close(self._server.seconds_left)

    def _reload(self) -> None:
        if self._command is None or not self._kept:
            return
        reason = self._changed
        if reason != _HANGUP:
            root = self._plan.app.directory.resolve()
            reason = f"{os.path.relpath(reason, root)} has changed"
        self._say(f"{reason}: reloading.")
        self._command.replace_process(
            Handover(
                self._kept[0],
                self._plan.application.application_id,
                self._plan.store_directory,
                self._catch_ups + 1 if self._has_missed() else 0,
                tuple(self._kept[1:]),
                self._kept_console,
                NOTICES.digests(is_whole=not self._is_app_broken),
            )
        )

    def _signalled(self, number: int) -> None:
        is_interrupt = number == signal.SIGINT
        self._server.stop(INTERRUPT_SECONDS if is_interrupt else STOP_SECONDS)

    def _hung_up(self) -> bool:
        """Reload, unless a terminal was closed; see StopSignals."""
        if self._has_terminal:
            return False
        loop, workforce = self._loop, self._workforce
        if loop is not None and workforce is not None:
            if self._command is None or not workforce.must_begin_anew():
                loop.call_soon_threadsafe(workforce.processes.roll)
                return True
        if self._command is None:
            return False
        if not self._changed:
            self._note_change(_HANGUP)
        return True

    def _started(self, loop: asyncio.AbstractEventLoop, call_soon: CallSoon) -> None:
        if self._scheme == "http":
            self._sender.open()
        self._loop = loop
        self._front.start(loop, call_soon)
        if self._workforce is not None:
            self._workforce.processes.start(loop, call_soon, self._give_up)
        if not self._is_app_broken:
            self._front.start_jobs(tells_instances=self._workforce is None)
        name = self._plan.app.directory.resolve().name
        address = f"{self._scheme}://{self._addresses[0]}/"
        if self._is_app_broken:
            self._say(f"{name} does not start; {address} shows why.")
            return
        self._say(f"{name} is running at {address}")
        for module, other in zip(self._names, self._addresses[1:], strict=False):
            self._say(f"{module} is running at {self._scheme}://{other}/")
        if not self._is_reload:
            if self._console_url:
                self._say(f"Its console is at {self._console_url}")
            self._say("Press Ctrl-C to stop.")
            self._say(f"Its data is in {self._plan.store}")
            self._say(_about_mail(self._plan.mail))

    def _stopping(self) -> None:
        if not self._changed:
            # The end: nobody should wait for a next one.
            for listener in (*self._kept, self._kept_console):
                if listener is not None:
                    listener.close()
        self._front.stop()
        if self._tails is not None:
            self._tails.stop()

    def _end_processes(self) -> None:
        """End what is done in app processes, then them; while the loop runs."""
        assert self._workforce is not None
        self._front.finish(self._server.seconds_left)
        self._workforce.processes.stop(
            max(self._server.seconds_left, INTERRUPT_SECONDS)
        )

    def _give_up(self, sentence: str) -> None:
        self._given_up = sentence
        self._server.stop(INTERRUPT_SECONDS)

    def _note_change(self, path: str) -> None:
        self._changed = path
        self._server.stop()

    def _takes_waiting(self) -> bool:
        # A reload's next process accepts them, with all the time that they need.
        return not (self._changed and self._kept)

    def _has_missed(self) -> bool:
        return any(watcher.has_missed for watcher in self._watchers)

    def _unwatched(self, folder: Path) -> list[Path]:
        """Return what in a folder of modules may change without a reload."""
        app = self._plan.app.part(folder)
        configs = [each for each in (app.config, *app.modules) if each is not None]
        static = [folder / name for each in configs for name in each.static_directories]
        return [self._plan.store_directory, *static]


def _about_mail(route: MailRoute | None) -> str:
    if route is None:
        return "Its mail is kept and not sent: --smtp_host names a server for it"
    return f"Its mail leaves through {route}"


def _make_bridge(
    instance: Instance,
    app_server: Served,
    pacing: Pacing,
    workforce: FrontProcesses | None,
) -> WsgiBridge:
    """Return the bridge to the app, in threads of this process or in others."""
    settings = instance.plan.settings
    log, when_safe = AccessLog().note, instance.broker.when_safe
    ids = RequestIds(instance.plan.proxies) if settings.log_format == "json" else None
    if workforce is not None:
        workforce.report_to(instance.status)
        return WsgiBridge(
            workforce.executor(app_server, instance.threads),
            pacing=pacing,
            log=log,
            ids=ids,
            when_safe=when_safe,
            threads=instance.threads,
        )
    return make_bridge(
        app_server,
        worker_count(settings, instance.plan.app.config),
        instance.threads,
        pacing=pacing,
        log=log,
        ids=ids,
        deadlines=instance.deadlines,
        deadline_seconds=settings.request_deadline_seconds,
        when_safe=when_safe,
    )
