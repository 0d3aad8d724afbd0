"""What a process has of channelshim: one app's services, and its instance when needed.

Google's SDK has one API proxy for a process, so a process serves one application id.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from channelshim import appengine
from channelshim.appserver.dialects import PYTHON3, Dialect, python27_of
from channelshim.compat import api_proxy
from channelshim.composition.app_parts import AppParts
from channelshim.composition.clock import SystemClock
from channelshim.composition.front import Front
from channelshim.composition.instance import Instance
from channelshim.composition.logins import make_login
from channelshim.composition.modules import running_module
from channelshim.composition.plan import Plan
from channelshim.composition.setting_values import read_settings
from channelshim.contracts.identity import Login
from channelshim.contracts.modules import RunningModule
from channelshim.errors import ConfigurationError
from channelshim.services import registry
from channelshim.services.registry import Backing
from channelshim.transports.wsgi import LoopThread


class Wrapped(Protocol):
    """An application under somebody else's server."""

    def server(self, instance: Instance) -> object:
        """Make its application server, if there is none; once.

        Raises:
            ConfigurationError: app.yaml does not fit.
        """


class Installation:
    """The services of one app in this process.

    They are there at once. The store is opened when it is first needed, so that a
    program may be imported in several processes of which one serves, as under a
    reloader.

    Args:
        plan: what was settled.
        make_parts: makes what this process has of the app, its store open; None for an
            Instance.

    Attributes:
        plan: as given.
        is_served: whether our own server has the connections.
        is_ended: whether its services were taken away.
        login: says who a request comes from.
        dialect: what the app's files are written in; imports of Python 2.7 are
            translated from here on.
    """

    def __init__(
        self, plan: Plan, make_parts: Callable[[Plan, Login], AppParts] = Instance
    ) -> None:
        self.plan = plan
        self._lock = threading.RLock()
        self._make_parts = make_parts
        self._parts: AppParts | None = None
        self._embedded: tuple[Front, LoopThread] | None = None
        self._wrapped: list[Wrapped] = []
        self._modules: tuple[RunningModule, ...] = tuple(
            running_module(each.config, "") for each in plan.all_modules
        ) or (running_module(plan.app.config, ""),)
        self.is_served: bool = False
        self.is_ended: bool = False
        self.login: Login = make_login(plan, self.parts)
        appengine.install(plan.application.application_id)
        settings = plan.settings
        self.dialect: Dialect = PYTHON3
        if plan.is_python27:
            self.dialect = python27_of(
                plan.app.directory,
                python3_files=settings.python3_files,
                cache=settings.python27_cache,
            )
        needs = registry.Needs(
            plan.application.application_id,
            plan.app.directory,
            plan.store_directory,
            plan.app.queues,
            SystemClock(),
            self.login,
            self._backing,
            self._is_own,
            requires_indexes=settings.require_indexes,
            auto_id_policy=settings.auto_id_policy,
            writes_indexes=lambda: self.is_served and settings.write_index_yaml,
            modules=lambda: self._modules,
            is_store_shared=plan.store.is_shared,
            sends_mail=plan.mail is not None,
            admins=settings.admins,
        )
        self._proxy = api_proxy.install(
            registry.factories(needs), ndb_memcache=settings.ndb_memcache, owner=self
        )

    def parts(self) -> AppParts:
        """Return what this process has, its store opened now if need be. Any thread.

        Raises:
            StorageError: another server holds the store, or it cannot be used; the next
                call tries again.
        """
        with self._lock:
            if self._parts is None:
                self._parts = self._make_parts(self.plan, self.login)
            return self._parts

    def open(self) -> Instance:
        """Return the instance of a process that has the connections; as `parts`."""
        parts = self.parts()
        assert isinstance(parts, Instance)
        return parts

    def settle_modules(self, modules: Sequence[RunningModule]) -> None:
        """Note where the modules listen: the app may ask from now on."""
        self._modules = tuple(modules)

    def add(self, wrapped: Wrapped) -> None:
        """Have the platform's requests reach this one too, after those before it."""
        with self._lock:
            self._wrapped.append(wrapped)

    def embed(self) -> tuple[Front, LoopThread]:
        """Return the connections' side under a server that is not ours. Any thread.

        One for all that this process wraps: they share the store and the client ids.

        Raises:
            ConfigurationError: our own server has the connections.
            StorageError: as `open`.
        """
        with self._lock:
            if self.is_served:
                raise ConfigurationError(
                    "channelshim.serve() serves the app in this process already: run "
                    "another server in a process of its own"
                )
            # All, whichever is asked first: their order is that of the program.
            for wrapped in self._wrapped:
                with contextlib.suppress(ConfigurationError):
                    wrapped.server(self.open())
            if self._embedded is None:
                front = Front(self.open())
                threads = self.open().threads
                self._embedded = front, LoopThread(front.start_all, threads)
            return self._embedded

    def take_over(self) -> None:
        """Keep the connections for our own server.

        Raises:
            ConfigurationError: another server has them.
        """
        with self._lock:
            if self._embedded is not None or self.is_served:
                raise ConfigurationError(
                    "another server in this process serves the app already: call "
                    "serve() in a process of its own"
                )
            self.is_served = True

    def check_folder(self, app_dir: Path) -> None:
        """Refuse another app in this process: its modules would mix with this one's.

        Args:
            app_dir: the folder that a further call names.

        Raises:
            ConfigurationError: it is another one.
        """
        own = self.plan.app.directory
        if app_dir.resolve() != own.resolve():
            raise ConfigurationError(
                f"this process has the app in {own} already: run the one in "
                f"{app_dir.absolute()} in a process of its own"
            )

    def check(self, app_dir: Path | None, arguments: Mapping[str, Any]) -> None:
        """Refuse a further call in this process that asks for something else.

        Args:
            app_dir: the folder that the call names; None for no particular one.
            arguments: its settings.

        Raises:
            ConfigurationError: another folder, or a setting with another value.
        """
        if app_dir is not None:
            self.check_folder(app_dir)
        wanted = read_settings(arguments, {})
        own = self.plan.settings
        for name, value in arguments.items():
            if value is not None and getattr(wanted, name) != getattr(own, name):
                raise ConfigurationError(
                    f"{name} can't change after the first call to install(), wrap(), "
                    "application() or serve(); pass it to that call"
                )

    def close(self) -> None:
        """Give the store back, if it was opened and nothing serves it. Idempotent."""
        with self._lock:
            if self._parts is not None:
                self._parts.close()
            self.end()

    def end(self) -> None:
        """Take the services away: the instance was closed, and another may come."""
        with self._lock:
            self._parts = None
            self.is_ended = True
            api_proxy.uninstall()

    def _is_own(self, service: str) -> bool:
        return self._proxy.is_own(service)

    def _backing(self) -> Backing:
        return self.parts().backing


def current() -> Installation | None:
    """Return what this process has, or None before the first call.

    One that has ended is still there: its app's modules are.
    """
    owner = api_proxy.owner()
    return owner if isinstance(owner, Installation) else None
