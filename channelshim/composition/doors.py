"""What install, wrap, application and serve do; the package's own functions call it."""

from __future__ import annotations

import os
import socket
import ssl
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from channelshim.appserver import loading
from channelshim.appserver.error_pages import broken_app
from channelshim.appserver.scripts import Scripts, make_importable
from channelshim.composition.certificates import tls_context
from channelshim.composition.embedding import Gateway, exposure_of
from channelshim.composition.installation import Installation, current
from channelshim.composition.place import store_directory
from channelshim.composition.plan import make_plan
from channelshim.composition.policy import refuse_open_login
from channelshim.composition.reading import (
    ENDINGS,
    application_id_of,
    empty_app,
    read_app,
    read_folder,
    read_named,
)
from channelshim.composition.setting_values import read_settings
from channelshim.composition.settings import Settings
from channelshim.composition.stores import StoreChoice, choose_store, open_store
from channelshim.errors import ConfigurationError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from channelshim.composition.addresses import Served
    from channelshim.composition.front_processes import FrontProcesses
    from channelshim.composition.reloading import Command, Handover

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
    from channelshim.composition import serving

    plan = installation.plan
    if wsgi_app is not None:
        raise ConfigurationError(
            "workers take an app's folder, which each process loads: call "
            f"serve({str(plan.app.directory)!r}, workers={plan.settings.workers}), or "
            "leave workers out"
        )
    workforce, app_server, _ = _start_processes(
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


def serve_named(
    paths: Sequence[Path],
    settings: Settings,
    command: Command | None,
    handover: Handover | None,
    say: Callable[[str], None],
    complain: Callable[[ConfigurationError], str],
) -> float:
    """Serve the app in a folder, or the modules whose files are named, as the command.

    After a reload the pages are still there: an app that cannot be loaded any more is
    shown as an error page until it is fixed.

    Args:
        paths: the folder, or YAML files; see reading.read_named.
        settings: as read.
        command: executed again for a reload; see Serving.
        handover: from the process image before; None for a first start.
        say: prints a line for the person at the terminal.
        complain: prints an error, and returns what the page shows of it.

    Returns:
        the seconds that threads of the app may still take.

    Raises:
        ConfigurationError, StorageError: as `serve`.
    """
    from channelshim.composition import (
        addresses,
        console_door,
        module_serving,
        serving,
    )
    from channelshim.composition.file_times import file_times
    from channelshim.composition.listening import listen

    # Flags of ours are no arguments of the app's scripts, and their clock was UTC's.
    del sys.argv[1:]
    os.environ["TZ"] = "UTC"
    time.tzset()
    is_watched = command is not None and settings.automatic_restart
    before = file_times(*map(_folder_of, paths)) if is_watched else None
    # Its files may be named relative to this folder, which the app's replaces.
    tls = tls_context(settings)
    # The port first: a taken one should not cost an import of the app.
    listener = handover.listener if handover else listen(settings)
    refuse_open_login(settings, listener)
    listeners = [listener, *(handover.others if handover else ())]
    is_broken, names = False, list[str]()
    console = handover.console if handover else None
    app_server: addresses.Served
    workforce: FrontProcesses | None = None
    try:
        app = read_named(paths, runs_cron=settings.cron)
        plan = make_plan(settings, app, handover)
        installation = Installation(plan)
        if app.is_divided:
            listeners = module_serving.listen(settings, app, listeners)
        console = console_door.listen(
            settings, installation.login, console, is_reload=handover is not None
        )
        installation.take_over()
        instance = installation.open()
        exposure = addresses.exposure_of(plan, listener)
        scripts = Scripts(app.directory, dialect=installation.dialect)
        assert app.config is not None
        if settings.workers > 1 or app.elsewhere:
            time_zone = command.time_zone if command is not None else None
            workforce, app_server, names = _start_processes(
                installation, paths, listeners, time_zone
            )
        elif app.is_divided:
            app_server, names = module_serving.serve_modules(
                installation, scripts, listeners
            )
        else:
            loading.load_app(scripts, app.config, plan.application, exposure.host)
            app_server = instance.serve(exposure, scripts=scripts)
    except ConfigurationError as error:
        if handover is None or command is None:
            for each in (*listeners, console):
                if each is not None:
                    each.close()
            raise
        is_broken = True
        page = broken_app(complain(error))
        installation = current() or Installation(
            make_plan(settings, empty_app(_folder_of(paths[0])), handover)
        )
        instance = installation.open()
        exposure = addresses.exposure_of(installation.plan, listener)
        app_server = instance.serve(exposure, page, is_app_broken=True)
    return serving.Serving(
        instance,
        app_server,
        listeners,
        say,
        command=command,
        is_app_broken=is_broken,
        names=names,
        is_reload=handover is not None,
        before=before,
        catch_ups=handover.catch_ups if handover else 0,
        workforce=workforce,
        console=console,
        tls=tls,
    ).run()


def _start_processes(
    installation: Installation,
    paths: Sequence[Path],
    listeners: Sequence[socket.socket],
    time_zone: str | None,
) -> tuple[FrontProcesses, Served, list[str]]:
    """Start the app's processes, and wait until one has loaded the app.

    Returns:
        them, what answers for files, and what the listeners behind the first one are.

    Raises:
        AppLoadError: the app cannot be loaded.
    """
    from channelshim.composition import front_processes

    workforce = front_processes.FrontProcesses(
        installation.open(), paths, listeners, time_zone
    )
    workforce.processes.load()
    return workforce, *front_processes.served_files(installation, listeners)


def _folder_of(path: Path) -> Path:
    """Return the app's folder, by it or by a file in it that may be gone."""
    return path.parent if path.name.endswith(ENDINGS) and not path.is_dir() else path


def rotate_secrets(
    directory: Path, settings: Settings, *, keep: int = 2
) -> StoreChoice:
    """Sign with new secrets from the next start on; the old ones still verify.

    Args:
        directory: the app's.
        settings: as read.
        keep: secrets of each purpose; 1 makes all that was signed invalid.

    Returns:
        which store it was.

    Raises:
        ConfigurationError: there is no app.yaml, or it is broken.
        StorageError: the store is in use.
    """
    from channelshim.composition.app_parts import COOKIES, TOKENS
    from channelshim.composition.logins import NOTES

    config = read_app(directory)
    application_id = application_id_of(directory, config, settings.application)
    folder = store_directory(application_id, settings.storage_path)
    choice = choose_store(settings, application_id, folder, config)
    store = open_store(choice)
    try:
        for purpose in (TOKENS, COOKIES, NOTES):
            store.secrets.get(purpose)
            store.secrets.rotate(purpose, keep=keep)
    finally:
        store.close()
    return choice


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
