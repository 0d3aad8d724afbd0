"""What install, wrap, application and serve do; the package's own functions call it."""

from __future__ import annotations

import os
import socket
import ssl
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from channelshim.appserver import loading
from channelshim.appserver.scripts import Scripts, make_importable
from channelshim.composition.certificates import tls_context
from channelshim.composition.embedding import Gateway, exposure_of
from channelshim.composition.installation import Installation, current
from channelshim.composition.plan import make_plan
from channelshim.composition.policy import refuse_open_login
from channelshim.composition.reading import (
    read_app,
    read_folder,
)
from channelshim.composition.setting_values import read_settings
from channelshim.errors import ConfigurationError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


Arguments = Mapping[str, Any]
Folder = str | os.PathLike[str]


def install(app_dir: Folder | None, arguments: Arguments) -> Installation:
    """Return this process's installation, made now if there is none.

    Raises:
        ConfigurationError: a setting or a file is wrong, or differs from what this
            process has.
    """
    return _install(None if app_dir is None else Path(app_dir), arguments)


def wrap(wsgi_app: WSGIApplication, arguments: Arguments) -> Gateway:
    """Return a WSGI application with channels, login and presence around it.

    Raises:
        ConfigurationError: as `install`; or wsgi_app is not a WSGI application.
    """
    if isinstance(wsgi_app, Gateway):
        # Everything is around it already.
        install(None, arguments)
        return wsgi_app
    _check_callable(wsgi_app, "wrap")
    installation = install(None, arguments)
    app = installation.plan.app
    scripts = Scripts(app.directory, wsgi_app, installation.dialect)
    # Under our own server all that is done: what is wrapped here is a part of its app.
    is_part = installation.is_served
    if not is_part and app.config is not None and app.config.handlers:
        loading.adopt_app(scripts, app.config)
    return Gateway(installation, scripts, wsgi_app)


def application(
    app_dir: Folder, arguments: Arguments, modules: Sequence[Folder] = ()
) -> Gateway:
    """Return the whole app in a folder as a WSGI application.

    Raises:
        ConfigurationError: as `install`; or there is no app.yaml, or the app cannot be
            imported; or further modules are named.
    """
    if modules:
        named = " ".join(os.fspath(each) for each in (app_dir, *modules))
        raise ConfigurationError(
            "application() takes one folder and serves the module of its app.yaml: "
            f"for several modules use the command channelshim serve {named}, which "
            "starts a process for each folder"
        )
    installation = _install(Path(app_dir), arguments, needs_app_yaml=True)
    plan = installation.plan
    assert plan.app.config is not None
    scripts = Scripts(plan.app.directory, dialect=installation.dialect)
    loading.load_app(scripts, plan.app.config, plan.application, exposure_of(plan).host)
    return Gateway(installation, scripts)


def serve(target: Folder | WSGIApplication, arguments: Arguments) -> None:
    """Serve an app until Ctrl-C or SIGTERM.

    Raises:
        ConfigurationError: as `install`; or the port is taken, or the app cannot be
            imported.
        StorageError: the store is in use by another process, or cannot be opened.
    """
    from channelshim.composition import console_door
    from channelshim.composition.listening import listen

    if isinstance(target, (str, os.PathLike)):
        wsgi_app: WSGIApplication | None = None
        installation = _install(Path(target), arguments, needs_app_yaml=True)
    else:
        _check_callable(target, "serve")
        wsgi_app = target.wsgi_app if isinstance(target, Gateway) else target
        installation = install(None, arguments)
    settings = installation.plan.settings
    tls = tls_context(settings)
    listener = listen(settings)
    try:
        refuse_open_login(settings, listener)
        installation.take_over()
    except ConfigurationError:
        listener.close()
        raise
    folder = os.getcwd()
    console: socket.socket | None = None
    try:
        wrapper = target if isinstance(target, Gateway) else None
        console = console_door.listen(
            settings, installation.login, None, is_reload=False
        )
        if settings.workers > 1:
            _serve_in_processes(installation, listener, console, wsgi_app, tls)
        else:
            _serve(installation, listener, console, wsgi_app, wrapper, tls)
    finally:
        listener.close()
        if console is not None:
            console.close()
        installation.end()
        # The next call may name a folder from here.
        os.chdir(folder)


def _serve_in_processes(
    installation: Installation,
    listener: socket.socket,
    console: socket.socket | None,
    wsgi_app: WSGIApplication | None,
    tls: ssl.SSLContext | None,
) -> None:
    """Serve the app in a folder with app processes.

    Raises:
        ConfigurationError: there is none; or it cannot be loaded.
    """
    from channelshim.composition import front_processes, serving

    plan = installation.plan
    if wsgi_app is not None:
        raise ConfigurationError(
            "workers take an app's folder, which each process loads: call "
            f"serve({str(plan.app.directory)!r}, workers={plan.settings.workers}), or "
            "leave workers out"
        )
    workforce, app_server, _ = front_processes.start_processes(
        installation, [plan.app.directory], [listener], os.environ.get("TZ")
    )
    serving.Serving(
        installation.open(),
        app_server,
        [listener],
        say,
        workforce=workforce,
        console=console,
        tls=tls,
    ).run()


def _serve(
    installation: Installation,
    listener: socket.socket,
    console: socket.socket | None,
    wsgi_app: WSGIApplication | None,
    wrapper: Gateway | None,
    tls: ssl.SSLContext | None,
) -> None:
    """Load the app, or take the one that is there, and serve it."""
    from channelshim.composition import addresses, serving

    plan = installation.plan
    instance = installation.open()
    exposure = addresses.exposure_of(plan, listener)
    dialect = installation.dialect
    scripts = Scripts(plan.app.directory, wsgi_app, dialect)
    config = plan.app.config
    if config is not None and wsgi_app is None:
        loading.load_app(scripts, config, plan.application, exposure.host)
    elif config is not None and config.handlers:
        loading.adopt_app(scripts, config)
        loading.settle(scripts, config, wrapper)
    program = None if wsgi_app is None else dialect.program(wsgi_app)
    app_server = instance.serve(exposure, program, scripts=scripts)
    serving.Serving(
        instance, app_server, [listener], say, console=console, tls=tls
    ).run()


def say(line: str) -> None:
    """Print a line to standard output, now."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _install(
    app_dir: Path | None, arguments: Arguments, *, needs_app_yaml: bool = False
) -> Installation:
    installation = current()
    if installation is not None and installation.is_ended:
        installation.check_folder(Path.cwd() if app_dir is None else app_dir)
    elif installation is not None:
        installation.check(app_dir, arguments)
        if needs_app_yaml and installation.plan.app.config is None:
            # Raises the sentence for it.
            read_app(installation.plan.app.directory)
        return installation
    settings = read_settings(arguments, os.environ)
    directory = Path.cwd() if app_dir is None else app_dir
    if not directory.is_dir():
        raise ConfigurationError(
            f"{directory} is not a folder: name the one of the app"
        )
    app = read_folder(directory, needs_app_yaml=needs_app_yaml, runs_cron=settings.cron)
    installation = Installation(make_plan(settings, app))
    if app.config is not None:
        make_importable(app.directory.resolve())
    return installation


def _check_callable(target: object, function: str) -> None:
    if not callable(target):
        raise ConfigurationError(
            f"{function}() takes a WSGI application, which is called with environ and "
            f"start_response, not {target!r}: import it first"
        )
