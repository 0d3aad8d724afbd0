"""What is settled before anything is opened: the app's id, its place, its rules.

Everything that a person can get wrong is found here, while nothing has been touched.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from channelshim.appserver.proxies import Network, parse_networks
from channelshim.appyaml.config import AppConfig
from channelshim.composition.place import store_directory
from channelshim.composition.policy import signing_secrets
from channelshim.composition.reading import App, application_id_of
from channelshim.composition.reloading import Handover
from channelshim.composition.settings import Settings
from channelshim.runtime.variables import Application

_logger: Final = logging.getLogger("channelshim.composition")


@dataclass(frozen=True, slots=True)
class Plan:
    """One app, about to be served.

    Attributes:
        settings: as read.
        app: its folder.
        is_python27: whether its files are Python 2.7 source.
        application: what is the same for each of its requests.
        store_directory: of its data, absolute.
        clears_store: whether its entities are deleted when the store is opened.
        proxies: whose forwarded headers count.
        secrets: what signs, oldest first; empty for the store's own.
    """

    settings: Settings
    app: App
    is_python27: bool
    application: Application
    store_directory: Path
    clears_store: bool
    proxies: tuple[Network, ...]
    secrets: Sequence[bytes]


def is_python27(settings: Settings, config: AppConfig | None) -> bool:
    """Tell whether an app's files are Python 2.7, by setting or app.yaml's runtime."""
    if settings.python27 == "auto":
        return config is not None and config.is_python2
    return settings.python27 == "yes"


def make_plan(settings: Settings, app: App, handover: Handover | None = None) -> Plan:
    """Return the plan for an app.

    Args:
        settings: as read.
        app: as its files describe it.
        handover: from the process image before; the app keeps its id and its data.

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
    return Plan(
        settings=settings,
        app=app,
        is_python27=is_python27(settings, config),
        application=Application(
            application_id,
            version=(config.version if config else "") or "1",
            runtime=config.runtime if config else "python27",
            environment={
                **(config.env_variables if config else {}),
                **settings.env_var,
            },
        ),
        store_directory=folder,
        clears_store=settings.clear_datastore and handover is None,
        proxies=parse_networks(settings.trusted_proxies),
        secrets=signing_secrets(settings),
    )
