"""The doors: they build the parts and hand them to each other.

Everything that reads settings, the disk's app.yaml and the real clock is here; what
stands below gets plain arguments.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import os
import re
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from channelshim import appengine, limits, reloading
from channelshim.appserver.access_log import AccessLog
from channelshim.appserver.application import AppServer
from channelshim.appserver.page_reports import PageReports
from channelshim.appserver.proxies import parse_networks
from channelshim.appserver.work import Work
from channelshim.appyaml.app import AppConfig, parse_app
from channelshim.broker.memory import MemoryBroker
from channelshim.errors import BrokerError, ConfigurationError, StorageError
from channelshim.gateways.bridge import CallSoon
from channelshim.gateways.origins import Origins
from channelshim.gateways.polling import Poller
from channelshim.gateways.serve import Application as AsgiApplication
from channelshim.gateways.serve import Server, make_bridge
from channelshim.gateways.websocket import Acceptor
from channelshim.gateways.wsgi import LoopThread, WsgiGateway
from channelshim.hub.hub import Hub
from channelshim.hub.reports import PresenceReports
from channelshim.protocol.cookies import CookieSigner
from channelshim.protocol.tokens import TokenSigner
from channelshim.runtime import environment, legacy_modules
from channelshim.runtime.variables import SERVER_SOFTWARE, Application
from channelshim.services import ndb_tuning, proxy
from channelshim.settings import Settings, read_settings
from channelshim.store.opening import open_store
from channelshim.store.place import store_directory

_logger: Final = logging.getLogger("channelshim")

WsgiApp = Callable[..., Iterable[bytes]]

_TOKENS = "channel tokens"
_COOKIES = "login cookies"
_NONCE_BYTES = 8

SWITCH_SECONDS = 0.001
"""sys.setswitchinterval while serving (performance.md, the hand-over)."""


class SystemClock:
    """The real clock."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)


def install_runtime(application_id: str = "") -> None:
    """Make this process one in which legacy imports work. Idempotent.

    Args:
        application_id: what APPLICATION_ID says outside of requests, where nothing
            else has set it; "" leaves it alone.
    """
    environ = environment.install()
    legacy_modules.install()
    legacy_modules.hide_while_importing(
        "google.api_core", "google.appengine.api.taskqueue.cloudtask"
    )
    appengine.install()
    environ.setdefault("AUTH_DOMAIN", limits.AUTH_DOMAIN)
    environ.setdefault("SERVER_SOFTWARE", SERVER_SOFTWARE)
    if application_id:
        environ.setdefault("APPLICATION_ID", f"dev~{application_id}")


def read_app(directory: Path) -> AppConfig:
    """Return what app.yaml in directory says.

    Raises:
        ConfigurationError: there is none, or it cannot be read; names the line.
    """
    path = directory / "app.yaml"
    if not directory.is_dir():
        raise ConfigurationError(f"{directory} is not a folder")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no app.yaml in {directory.resolve()}: name the folder of an App "
            "Engine app, or make one with: channelshim init DIR"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"it cannot be read: {error}", path=str(path)
        ) from None
    return parse_app(text, path=str(path), read=_reader(directory))


def _reader(directory: Path) -> Callable[[str], str | None]:
    def read(name: str) -> str | None:
        path = directory / name
        if path.is_dir():
            path = path / "include.yaml"
        try:
            return path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            return None

    return read


def application_id_of(directory: Path, config: AppConfig | None, said: str) -> str:
    """Return the id of the app and of its store (design decision 10).

    What a setting says, else app.yaml's `application`, else the folder's name and a
    hash of its real path.
    """
    if said:
        return said
    if config is not None and config.application:
        return config.application
    real = directory.resolve()
    name = re.sub(r"[^a-z0-9-]+", "-", real.name.lower()).strip("-") or "app"
    digest = hashlib.sha256(os.fsencode(real)).hexdigest()[:8]
    return f"{name[:20]}-{digest}"


class Parts:
    """One app with everything around it, built from settings.

    Args:
        settings: as read.
        directory: of app.yaml, or where a plain WSGI app runs.
        config: app.yaml, or None for a plain WSGI app.
        wsgi_app: the plain WSGI app, or None.

    Raises:
        ConfigurationError, StorageError: with one sentence for the person who starts.
    """

    def __init__(
        self,
        settings: Settings,
        directory: Path,
        config: AppConfig | None,
        wsgi_app: WsgiApp | None = None,
    ) -> None:
        self.settings = settings
        self.directory = directory
        self.config = config
        self.clock = SystemClock()
        application_id = application_id_of(directory, config, settings.application)
        self.application = Application(
            application_id,
            version=(config.version if config else "") or "1",
            environment={
                **(config.env_variables if config else {}),
                **settings.env_var,
            },
        )
        self.store_directory = store_directory(application_id, settings.storage_path)
        install_runtime(application_id)
        self.store = open_store(
            self.store_directory,
            synchronous=settings.store_synchronous,
            is_cleared=settings.clear_datastore,
        )
        self.tokens = TokenSigner(self._secrets(_TOKENS))
        self.broker = self._make_broker()
        self.work = Work(
            directory, self.store_directory, self.store.database, self.clock
        )
        self._install_services()
        # Then an error page stands in for the app, and its tasks wait for the app.
        self.is_app_broken = False
        self.app_server = AppServer(
            directory,
            config,
            self.application,
            CookieSigner(self._secrets(_COOKIES)),
            wsgi_app=wsgi_app,
            remember=self.store.remember_account,
            clock=self.clock,
            trusted_proxies=parse_networks(settings.trusted_proxies),
            enforces_secure=settings.enforce_secure,
            # A server that is not ours may have any name; ours looks closer below.
            allowed_hosts=settings.allowed_hosts or None,
        )
        if settings.allow_page_reports:
            self.app_server.page_reports = PageReports(self.tokens, self.clock)
        self.reports = PresenceReports(
            self.app_server, self.store, is_posting=_posts_presence(settings, config)
        )
        self.hub = Hub(
            self.broker,
            self.clock,
            self.reports,
            grace_seconds=settings.grace_seconds,
            ping_interval_seconds=settings.ping_interval_seconds,
            ping_timeout_seconds=settings.ping_timeout_seconds,
            pause_seconds=settings.pause_seconds,
        )
        self.poller = Poller(
            self.hub, self.tokens, self.clock, grace_seconds=settings.grace_seconds
        )

    def take(self, arguments: dict[str, Any], wsgi_app: WsgiApp | None) -> None:
        """Take a plain WSGI app after the parts were built by `install`.

        Raises:
            ConfigurationError: arguments that differ from those in force: the store is
                open already.
        """
        wanted = read_settings(arguments, {})
        for name in arguments:
            if getattr(wanted, name) != getattr(self.settings, name):
                raise ConfigurationError(
                    f"{name} was settled by the first call of channelshim in this "
                    "process: give it there"
                )
        if wsgi_app is not None:
            self.app_server.wsgi_app = wsgi_app

    def unwatched(self) -> list[Path]:
        """Return the folders below the app's whose changes need no reload."""
        static = self.config.static_directories if self.config else ()
        return [self.store_directory, *(self.directory / name for name in static)]

    def start_hub(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start delivering on this loop, in its thread; resume what was.

        Raises:
            StoreInUse: another worker process of a forking server does so already: two
                would each keep half of the messages from the other.
        """
        self.store.claim()
        saved = self.store.load_windows()
        if saved is not None:
            try:
                self.broker.load(saved)
            except BrokerError as error:
                _logger.warning("%s; pages start anew", error)
            self.store.save_windows(None)
        self.hub.start(loop)
        was_connected = list(self.store.connected_client_ids())
        if was_connected:
            wait = max(self.settings.grace_seconds, limits.RETURN_SECONDS)
            self.hub.await_return(was_connected, wait)
        if not self.is_app_broken:
            self.work.start(
                self.app_server,
                self.config,
                runs_cron=self.settings.cron,
                runs_tasks=self.settings.enable_task_running,
            )

    def stop_hub(self) -> None:
        """Tell pages to come back and keep what they will ask for. Loop thread."""
        self.hub.stop()

    def close(self, task_seconds: float = limits.INTERRUPT_SECONDS) -> None:
        """Save the windows, finish the journal and give the store back."""
        self.work.stop(task_seconds)
        self.reports.stop(limits.INTERRUPT_SECONDS)
        try:
            self.store.save_windows(self.broker.save())
        except StorageError as error:
            _logger.error("the messages of the last seconds are lost: %s", error)
        self.store.close()

    def _secrets(self, purpose: str) -> Sequence[bytes]:
        """Return what signs, oldest first: what a setting says, else the store's."""
        said = self.settings.signing_secrets
        if any(len(secret) < limits.SHORTEST_SECRET for secret in said):
            raise ConfigurationError(
                "each of signing_secrets must have at least "
                f"{limits.SHORTEST_SECRET} characters"
            )
        if said:
            return [secret.encode("utf-8") for secret in said]
        return self.store.secrets(purpose)

    def _make_broker(self) -> MemoryBroker:
        settings = self.settings
        return MemoryBroker(
            self.clock,
            window_seconds=settings.ping_interval_seconds
            + settings.ping_timeout_seconds
            + settings.grace_seconds,
            window_messages=settings.window_messages,
            window_bytes=settings.window_bytes,
            window_total_bytes=settings.window_total_bytes,
        )

    def _install_services(self) -> None:
        ndb_tuning.apply(uses_memcache=self.settings.ndb_memcache)

        def channel() -> Any:
            from channelshim.services.channel import ChannelService

            return ChannelService(
                self.tokens,
                self.broker,
                self.clock,
                lambda: secrets.token_bytes(_NONCE_BYTES),
            )

        def datastore() -> Any:
            from channelshim.services.datastore_v3 import DatastoreService

            return DatastoreService(
                self.store,
                f"dev~{self.application.application_id}",
                require_indexes=self.settings.require_indexes,
                index_yaml=self.directory / "index.yaml",
                auto_id_policy=self.settings.auto_id_policy,
            )

        def user() -> Any:
            from channelshim.services.user import make_user_service

            return make_user_service()

        def memcache() -> Any:
            from channelshim.services.memcache import MemcacheService
            from channelshim.store.cache import SqliteCache

            return MemcacheService(SqliteCache(self.store.database))

        made: dict[str, Any] = {}

        def once() -> Any:
            # Old code asks for "xmpp" where SERVER_SOFTWARE is not a dev server's.
            if "channel" not in made:
                made["channel"] = channel()
            return made["channel"]

        proxy.install(
            {
                **self.work.factories(),
                "channel": once,
                "xmpp": once,
                "datastore_v3": datastore,
                "user": user,
                "memcache": memcache,
            }
        )


def _posts_presence(settings: Settings, config: AppConfig | None) -> bool:
    """Return whether the app hears who is connected (contract case 86)."""
    services = config.inbound_services if config is not None else ()
    return not settings.require_inbound_services or "channel_presence" in services


def rotate_secrets(directory: Path, settings: Settings) -> Path:
    """Sign with new secrets from the next start on; the old ones still verify.

    Returns:
        the store's folder.

    Raises:
        ConfigurationError: there is no app.yaml, or it is broken.
        StorageError: the store is in use.
    """
    config = read_app(directory)
    application_id = application_id_of(directory, config, settings.application)
    folder = store_directory(application_id, settings.storage_path)
    store = open_store(folder, synchronous=settings.store_synchronous, is_cleared=False)
    try:
        for purpose in (_TOKENS, _COOKIES):
            store.secrets(purpose)
            store.rotate_secret(purpose)
    finally:
        store.close()
    return folder


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a server that listens on host."""
    return host in ("localhost", "::1") or host.startswith("127.")


def refuse_open_login(settings: Settings) -> None:
    """Refuse to listen beyond this machine while anybody can log in as anybody.

    Raises:
        ConfigurationError: names the setting that allows it.
    """
    if not is_loopback(settings.host) and not settings.allow_dev_login:
        raise ConfigurationError(
            f"the login page asks for no password, so nobody but this machine should "
            f"reach it, and {settings.host} is reached by others: listen on localhost, "
            "or say --allow_dev_login"
        )


def worker_count(settings: Settings, config: AppConfig | None) -> int:
    """Return how many threads run the app.

    What the setting says; else one for `threadsafe: false`; else a few more than
    cores: Python runs one at a time, the others wait for the store or a slow reader.
    """
    if settings.threads:
        return int(settings.threads)
    if config is not None and not config.is_threadsafe:
        return 1
    return min(16, 4 + 2 * (os.cpu_count() or 1))


def serve_parts(
    parts: Parts,
    listener: socket.socket,
    say: Callable[[str], None],
    *,
    reloads: bool = False,
    is_app_broken: bool = False,
) -> None:
    """Serve until Ctrl-C or SIGTERM, then give everything back.

    Args:
        parts: built, its app loaded.
        listener: from gateways.serve.bind; closed at the end.
        say: prints a line for the person at the terminal.
        reloads: whether a changed file of the app replaces the process.
        is_app_broken: whether an error page stands in for the app until it is mended.
    """
    settings = parts.settings
    port = listener.getsockname()[1]
    server_host = "[::1]" if settings.host == "::1" else settings.host
    parts.app_server.host = f"{server_host}:{port}"
    if is_loopback(settings.host):
        parts.app_server.allowed_hosts = frozenset(settings.allowed_hosts)
        parts.app_server.show_tracebacks = True
    logged = AccessLog(parts.app_server)
    bridge = make_bridge(logged, worker_count(settings, parts.config))
    parts.hub.current_sender = bridge.current_request
    parts.hub.is_sending = bridge.is_running
    bridge.on_finished = parts.hub.note_finished
    is_host_allowed = parts.app_server.is_host_allowed
    origins = Origins(settings.allowed_origins)
    acceptor = Acceptor(
        parts.hub,
        parts.tokens,
        parts.clock,
        lambda origin, host: is_host_allowed(host) and origins.allows(origin, host),
        send_buffer_bytes=settings.send_buffer_bytes,
        send_buffer_total_bytes=settings.send_buffer_total_bytes,
    )
    application = AsgiApplication(bridge, parts.poller, is_host_allowed, origins)
    parts.is_app_broken = is_app_broken
    changed: list[str] = []

    def started(loop: asyncio.AbstractEventLoop, call_soon: CallSoon) -> None:
        acceptor.open_ring()
        parts.hub.call_soon = call_soon
        parts.start_hub(loop)
        say(
            f"{parts.application.application_id} is running at "
            f"http://{server_host}:{port}/"
        )
        say("Press Ctrl-C to stop.")

    # A duplicate: closing the server's own must not close what the next one inherits.
    kept = listener.dup() if reloads else None

    def stopping() -> None:
        if kept is not None and not changed:
            # The end: nobody should wait for a next one.
            kept.close()
        parts.stop_hub()

    server = Server(
        listener,
        application,
        acceptor,
        bridge,
        on_started=started,
        on_stopping=stopping,
    )

    def on_change(path: str) -> None:
        changed.append(path)
        server.stop()

    watcher = reloading.Watcher(
        parts.directory, parts.unwatched(), on_change, is_app_broken=is_app_broken
    )
    if reloads:
        watcher.start()
    # Handlers that compute hold the interpreter for 5 ms at a time by default: the
    # loop's first message would wait as long.
    sys.setswitchinterval(SWITCH_SECONDS)
    # What is loaded now stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    server.run()
    acceptor.close_ring()
    watcher.stop()
    # Tasks in hand get what requests get; one that is cut off runs again.
    waits = server.is_terminated
    parts.close(limits.STOP_SECONDS if waits else limits.INTERRUPT_SECONDS)
    if changed and kept is not None:
        say(f"{os.path.relpath(changed[0], parts.directory)} has changed: reloading.")
        reloading.replace_process(kept)


def gateway(parts: Parts) -> WsgiGateway:
    """Return parts as a plain WSGI application for any server."""
    return WsgiGateway(
        parts.app_server,
        parts.poller,
        LoopThread(parts.start_hub),
        parts.app_server.is_host_allowed,
        Origins(parts.settings.allowed_origins),
    )
