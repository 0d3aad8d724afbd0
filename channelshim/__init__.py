"""Legacy App Engine apps with the Channel API, unchanged, on today's Python.

Importing this package changes nothing. Four functions are the door:

    import channelshim

    channelshim.install()             # before the legacy imports
    from google.appengine.api import channel

    app = channelshim.wrap(app)       # a plain WSGI application, for any server
    app = channelshim.application("path/of/app")  # all that its app.yaml says
    channelshim.serve("path/of/app")  # or our own server, with WebSockets

A process has one app: a further call adds to it, or is refused with a sentence.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from channelshim.version import __version__

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from typing_extensions import Unpack

    from channelshim.composition.keywords import Keywords

__all__ = ["__version__", "application", "install", "serve", "wrap"]


def __dir__() -> list[str]:
    """Return the public names, which is what completion should offer."""
    return __all__


def install(
    app_dir: str | os.PathLike[str] | None = None, **settings: Unpack[Keywords]
) -> None:
    """Make legacy App Engine imports and calls work in this process.

    Call it before the app's own imports. Google's services are answered from the
    local store from then on, outside of requests too. The first call of a service that
    keeps data opens the store, and raises StorageError if another process has it.

    Args:
        app_dir: the app's folder, with or without app.yaml; None means the current one.
        **settings: see docs/reference/settings.md.

    Raises:
        ConfigurationError: a setting is unknown or wrong, app.yaml is broken, or this
            process has another app or other settings already.
    """
    from channelshim.composition import doors

    doors.install(app_dir, settings)


def wrap(wsgi_app: WSGIApplication, **settings: Unpack[Keywords]) -> WSGIApplication:
    """Return wsgi_app with channels, login and presence around it.

    The result is a plain WSGI application for any server with threads. Pages receive
    by long polling there; `serve` gives them WebSockets. The first request opens the
    store, and is answered 503 while another process has it.

    Beside an app.yaml its handlers hold: `login:`, `auth_fail_action:`, `secure:` and
    static files; wsgi_app runs where a script names it, or is the only one. Several
    applications that one process wraps share the store and the client ids; what the
    platform requests goes to the first that does not answer 404.

    Args:
        wsgi_app: the legacy app. One that is wrapped already is returned as it is.
        **settings: see docs/reference/settings.md; those given to `install` before
            hold here too.

    Raises:
        ConfigurationError: as `install`; or wsgi_app cannot be called.
    """
    from channelshim.composition import doors

    return doors.wrap(wsgi_app, settings)


def application(
    app_dir: str | os.PathLike[str],
    *modules: str | os.PathLike[str],
    **settings: Unpack[Keywords],
) -> WSGIApplication:
    """Return the whole app of a folder as one WSGI application.

    Handlers, `login:`, static files, lib/ and appengine_config.py are as under `serve`;
    the app's folder becomes the working directory. For gunicorn, waitress, Paste,
    mod_wsgi and any other server with threads.

    Args:
        app_dir: with an app.yaml, whose module is served.
        *modules: further folders or YAML files are refused with a sentence: the command
            `channelshim serve` starts a process for each folder.
        **settings: see docs/reference/settings.md.

    Raises:
        ConfigurationError: as `install`; or there is no app.yaml, or the app fails to
            import; or `modules` are named.
    """
    from channelshim.composition import doors

    return doors.application(app_dir, settings, modules)


def serve(
    app_dir_or_wsgi_app: str | os.PathLike[str] | WSGIApplication = ".",
    **settings: Unpack[Keywords],
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
    from channelshim.composition import doors

    doors.serve(app_dir_or_wsgi_app, settings)
