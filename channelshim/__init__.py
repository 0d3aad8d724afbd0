"""Legacy App Engine apps with the Channel API, unchanged, on today's Python.

Importing this package changes nothing. Three functions are the door:

    import channelshim

    channelshim.install()             # before the legacy imports
    from google.appengine.api import channel

    app = channelshim.wrap(app)       # a plain WSGI application, for any server
    channelshim.serve("path/of/app")  # or our own server, with WebSockets
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from channelshim.version import __version__

if TYPE_CHECKING:
    from channelshim.doors import Parts

__all__ = ["__version__", "install", "serve", "wrap"]

WsgiApp = Callable[..., Iterable[bytes]]

_parts: Parts | None = None


def install(app_dir: str | os.PathLike[str] | None = None, **settings: Any) -> None:
    """Make legacy App Engine imports and calls work in this process.

    Call it before the app's own imports. Google's services are answered from the
    local store from then on, outside of requests too. The first call of a service that
    keeps data opens the store, and raises StorageError if another process has it.

    Args:
        app_dir: the app's folder, with or without app.yaml; None means the current one.
        **settings: see docs/reference/settings.md.

    Raises:
        ConfigurationError: a setting is unknown or wrong, or app.yaml is broken.
    """
    _install(app_dir, None, settings)


def wrap(wsgi_app: WsgiApp, **settings: Any) -> WsgiApp:
    """Return wsgi_app with channels, login and presence around it.

    The result is a plain WSGI application for any server with threads. Pages receive
    by long polling there; `serve` gives them WebSockets. The first request opens the
    store, and is answered 503 while another process has it.

    Args:
        wsgi_app: the legacy app.
        **settings: see docs/reference/settings.md; those given to `install` before
            hold here too.

    Raises:
        ConfigurationError: as `install`.
    """
    from channelshim import doors

    return doors.Gateway(_install(None, wsgi_app, settings))


def serve(
    app_dir_or_wsgi_app: str | os.PathLike[str] | WsgiApp = ".", **settings: Any
) -> None:
    """Serve an app until Ctrl-C or SIGTERM; push goes over WebSockets.

    Args:
        app_dir_or_wsgi_app: a folder with app.yaml, or a WSGI application.
        **settings: see docs/reference/settings.md.

    Raises:
        ConfigurationError: as `install`; also when the port is taken or the app fails
            to import.
        StorageError: the store is in use by another process, or cannot be opened.
    """
    from channelshim import doors
    from channelshim.gateways.serve import bind

    if callable(app_dir_or_wsgi_app):
        parts = _install(None, app_dir_or_wsgi_app, settings)
        parts.open()
    else:
        directory = Path(app_dir_or_wsgi_app)
        doors.read_app(directory)
        parts = _install(directory, None, settings)
        parts.open()
        parts.app_server.load()
    listener = bind(parts.settings.host, parts.settings.port)
    doors.refuse_open_login(parts.settings, listener)
    doors.serve_parts(parts, listener, _say)


def _install(
    app_dir: str | os.PathLike[str] | None,
    wsgi_app: WsgiApp | None,
    settings: dict[str, Any],
) -> Parts:
    global _parts
    from channelshim import doors
    from channelshim.settings import read_settings

    if _parts is not None:
        _parts.take(settings, wsgi_app)
        return _parts
    directory = Path.cwd() if app_dir is None else Path(app_dir)
    read = read_settings(settings, os.environ)
    for sentence in read.idle():
        doors.logger.warning("%s", sentence)
    has_app_yaml = (directory / "app.yaml").is_file()
    config = doors.read_app(directory) if has_app_yaml else None
    _parts = doors.Parts(read, directory, config, wsgi_app)
    return _parts


def _say(line: str) -> None:
    import sys

    sys.stdout.write(line + "\n")
    sys.stdout.flush()
