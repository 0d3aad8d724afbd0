"""What the command serve does: it serves an app, and again after a reload."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from channelshim.appserver import loading
from channelshim.appserver.error_pages import broken_app
from channelshim.appserver.scripts import Scripts
from channelshim.composition import (
    addresses,
    console_door,
    module_serving,
    serving,
)
from channelshim.composition.certificates import tls_context
from channelshim.composition.file_times import file_times
from channelshim.composition.installation import Installation, current
from channelshim.composition.listening import listen
from channelshim.composition.plan import make_plan
from channelshim.composition.policy import refuse_open_login
from channelshim.composition.reading import (
    ENDINGS,
    empty_app,
    read_named,
)
from channelshim.composition.settings import Settings
from channelshim.errors import ConfigurationError

if TYPE_CHECKING:
    from channelshim.composition.front_processes import FrontProcesses
    from channelshim.composition.reloading import Command, Handover


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
            from channelshim.composition import front_processes

            time_zone = command.time_zone if command is not None else None
            workforce, app_server, names = front_processes.start_processes(
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


def _folder_of(path: Path) -> Path:
    """Return the app's folder, by it or by a file in it that may be gone."""
    return path.parent if path.name.endswith(ENDINGS) and not path.is_dir() else path
