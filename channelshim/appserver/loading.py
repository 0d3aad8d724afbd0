"""The app's code is loaded: its folder entered, its scripts imported."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from channelshim import limits
from channelshim.appserver.libraries import libraries_to_install, missing_libraries
from channelshim.appserver.scripts import AppImportError, Scripts
from channelshim.appyaml.config import NOTHING, SCRIPT, AppConfig
from channelshim.runtime import ndb_state
from channelshim.runtime.notices import NOTICES
from channelshim.runtime.variables import Application, request_variables

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_logger: Final = logging.getLogger("channelshim.appserver")


def load_app(
    scripts: Scripts, config: AppConfig, application: Application, host: str
) -> None:
    """Enter the app's folder and import every script that app.yaml names.

    One that cannot be loaded is logged and answers 500, as long as another can.

    Args:
        scripts: of the app.
        config: its app.yaml.
        application: what is the same for every request.
        host: the server's own, with the port; modules read it at import.

    Raises:
        AppImportError: none can be loaded; the first one's error.
    """
    enter_app(scripts, config, application, host)
    try:
        scripts.load_all(_named(config))
    finally:
        # Modules that query while they are imported leave ndb's state behind.
        ndb_state.finish()


def load_module(scripts: Scripts, config: AppConfig) -> None:
    """Import every script of a further module of the app.

    What cannot be loaded is logged and answers 500.

    Args:
        scripts: of the app, its folder entered.
        config: of the module.
    """
    warn_of(config)
    try:
        scripts.load_all(_named(config))
    except AppImportError as error:
        _logger.error("%s\n%s", error, error.report)
    finally:
        ndb_state.finish()


def enter_app(
    scripts: Scripts, config: AppConfig, application: Application, host: str
) -> None:
    """Enter the app's folder, without importing more than appengine_config.py.

    Args:
        scripts: of the app.
        config: its app.yaml.
        application: what is the same for every request.
        host: the server's own, with the port; modules read it at import.

    Raises:
        AppImportError: appengine_config.py raises.
    """
    scripts.enter_folder()
    _set_process_variables(application, host)
    _prepare(scripts, config)


def adopt_app(scripts: Scripts, config: AppConfig) -> None:
    """Prepare for an application that somebody has loaded already and wrapped.

    Args:
        scripts: with the wrapped application; `settle` says where it runs.
        config: the app.yaml beside it.

    Raises:
        AppImportError: appengine_config.py raises.
    """
    try:
        _prepare(scripts, config)
    finally:
        ndb_state.finish()


def settle(
    scripts: Scripts, config: AppConfig, wrapper: WSGIApplication | None = None
) -> None:
    """Have the application that was wrapped run where app.yaml names it.

    Args:
        scripts: with the wrapped application.
        config: the app.yaml beside it.
        wrapper: what was made of it.

    Raises:
        ConfigurationError: see Scripts.settle_stand_in.
    """
    scripts.settle_stand_in([*_named(config)], wrapper)


def _prepare(scripts: Scripts, config: AppConfig) -> None:
    scripts.load_configuration()
    warn_of(config)


def warn_of(config: AppConfig) -> None:
    """Say what an app.yaml asks for in vain, unless it is known already."""
    for warning in (*config.warnings, *missing_libraries(config.libraries)):
        NOTICES.warn(_logger, str(warning))


def warn_ahead(config: AppConfig, folder: Path) -> list[str]:
    """Say the same of an app that other processes load.

    Args:
        config: of the app.
        folder: of the app.

    Returns:
        what is left to the first of them that loads the app, which alone can tell.
    """
    missing, perhaps_missing = libraries_to_install(
        config.libraries, folder, is_loaded_here=False
    )
    for warning in (*config.warnings, *missing):
        NOTICES.warn(_logger, str(warning))
    return list(map(str, perhaps_missing))


def _named(config: AppConfig) -> dict[str, tuple[str, int]]:
    """Return the scripts of the handlers, each with where it is first named."""
    named: dict[str, tuple[str, int]] = {}
    for handler in config.handlers:
        is_name = handler.target != NOTHING and "\\" not in handler.target
        if handler.kind == SCRIPT and is_name:
            named.setdefault(handler.target, (handler.path, handler.line))
    return named


def _set_process_variables(application: Application, host: str) -> None:
    """Put into the process's own environment what modules read at import.

    The app was imported in its first request; here it is as if that warmed it up. No
    user, and no time zone: other programs' ideas of those stay as they are.
    """
    name, _, port = host.rpartition(":")
    bare = {
        "HTTP_HOST": host,
        "PATH_INFO": limits.PATH_WARMUP,
        "QUERY_STRING": "",
        "REMOTE_ADDR": limits.INSTANCE_REMOTE_ADDRESS,
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "SERVER_NAME": name or host,
        "SERVER_PORT": port if name else "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTPS": "off",
        "REQUEST_SCHEME": "http",
    }
    for key, value in request_variables(application, bare, None).items():
        if key != "TZ" and not key.startswith("USER_"):
            os.environ[key] = value
