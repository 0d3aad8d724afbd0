"""What is settled before anything is opened: the app's id, its place, its rules.

Everything that a person can get wrong is found here, while nothing has been touched.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from channelshim.appserver.proxies import Network, parse_networks
from channelshim.appyaml.config import AppConfig
from channelshim.composition.place import store_directory
from channelshim.composition.policy import (
    mail_route,
    metrics_token,
    signing_secrets,
)
from channelshim.composition.reading import (
    DEFAULT_MODULE,
    App,
    application_id_of,
)
from channelshim.composition.reloading import Handover
from channelshim.composition.settings import Settings
from channelshim.composition.stores import StoreChoice, choose_store
from channelshim.contracts.mails import MailRoute
from channelshim.runtime.variables import Application

_logger: Final = logging.getLogger("channelshim.composition")

_ID_BYTES: Final = 18
_MINOR_VERSIONS_PER_SECOND: Final = 2**28
"""So that a minor version has the eighteen digits that it had at Google."""


@dataclass(frozen=True, slots=True)
class Module:
    """One module of the app.

    Attributes:
        config: its app.yaml.
        application: what is the same for each of its requests.
        directory: of its files; None for the app's own.
    """

    config: AppConfig
    application: Application
    directory: Path | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One app, about to be served.

    Attributes:
        settings: as read.
        app: its folder.
        is_python27: whether its files are Python 2.7 source.
        application: what is the same for each of its requests.
        store_directory: of its data, absolute.
        store: which one it has.
        clears_store: whether its entities are deleted when the store is opened.
        proxies: whose forwarded headers count.
        secrets: what signs, oldest first; empty for the store's own.
        modules: further modules of its folder.
        elsewhere: modules of other folders, which run in other processes.
        metrics_token: opens the probes of the console's port; "" for nothing.
        mail: how the app's mail leaves; None where it is kept.
    """

    settings: Settings
    app: App
    is_python27: bool
    application: Application
    store_directory: Path
    store: StoreChoice
    clears_store: bool
    proxies: tuple[Network, ...]
    secrets: Sequence[bytes]
    modules: tuple[Module, ...] = ()
    elsewhere: tuple[Module, ...] = ()
    metrics_token: str = field(default="", repr=False)
    mail: MailRoute | None = None

    @property
    def all_modules(self) -> tuple[Module, ...]:
        """Return every module, the default one first, then as the command names them.

        Empty for an app without an app.yaml.
        """
        if self.app.config is None:
            return ()
        modules = (
            Module(self.app.config, self.application),
            *self.modules,
            *self.elsewhere,
        )
        places = {name: place for place, name in enumerate(self.app.order)}
        return tuple(
            sorted(
                modules,
                key=lambda each: (
                    each.config.module != DEFAULT_MODULE,
                    places.get(each.config.module, 0),
                ),
            )
        )


def is_python27(settings: Settings, config: AppConfig | None) -> bool:
    """Tell whether an app's files are Python 2.7, by setting or app.yaml's runtime."""
    if settings.python27 == "auto":
        return config is not None and config.is_python2
    return settings.python27 == "yes"


def make_plan(
    settings: Settings,
    app: App,
    handover: Handover | None = None,
    *,
    minor_version: str = "",
    instance: int = 0,
) -> Plan:
    """Return the plan for an app.

    Args:
        settings: as read.
        app: as its files describe it.
        handover: from the process image before; the app keeps its id and its data.
        minor_version: the front's, in an app process; "" for a new one.
        instance: which one of the app's instances that stay this process is.

    Raises:
        ConfigurationError: a setting is wrong; one sentence for the person who starts.
    """
    config = app.config
    application_id = application_id_of(app.directory, config, settings.application)
    folder = store_directory(application_id, settings.storage_path)
    if handover is not None:
        if config is not None and application_id != handover.application_id:
            _logger.warning(
                "app.yaml now names the application %s; it stays %s, with its data, "
                "until you restart the command",
                application_id,
                handover.application_id,
            )
        application_id = handover.application_id
        folder = handover.store_directory
    # Apps make keys of it, which are to change with the code.
    minor_version = minor_version or new_minor_version()
    return Plan(
        settings=settings,
        app=app,
        is_python27=is_python27(settings, config),
        application=_application(
            application_id, config, settings, minor_version, instance
        ),
        store_directory=folder,
        store=choose_store(settings, application_id, folder, config),
        clears_store=settings.clear_datastore and handover is None,
        proxies=parse_networks(settings.trusted_proxies),
        secrets=signing_secrets(settings),
        modules=tuple(
            Module(
                each,
                _application(application_id, each, settings, minor_version, instance),
            )
            for each in app.modules
        ),
        elsewhere=tuple(
            Module(
                each.config,
                _application(
                    application_id, each.config, settings, minor_version, instance
                ),
                each.directory,
            )
            for each in app.elsewhere
        ),
        metrics_token=metrics_token(settings),
        mail=mail_route(settings),
    )


def new_minor_version() -> str:
    """Return a minor version that is higher than those before."""
    return str(int(time.time() * _MINOR_VERSIONS_PER_SECOND))


def _application(
    application_id: str,
    config: AppConfig | None,
    settings: Settings,
    minor_version: str,
    instance: int,
) -> Application:
    """Return what is the same for each request of a module."""
    config = config or AppConfig()
    return Application(
        application_id,
        module=config.module or "default",
        version=config.version or "1",
        minor_version=minor_version,
        instance_id=str(instance)
        if config.has_instances
        else secrets.token_hex(_ID_BYTES),
        runtime=config.runtime,
        environment={**config.env_variables, **settings.env_var},
    )
