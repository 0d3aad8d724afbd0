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
from channelshim.composition.instance import Instance
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
    return _Start(paths, settings, command, handover).run(say, complain)


class _Start:
    """One start of the command, as far as it has come.

    Args:
        paths, settings, command, handover: see `serve_named`.

    Raises:
        ConfigurationError: a port is taken, or a setting cannot be followed.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        settings: Settings,
        command: Command | None,
        handover: Handover | None,
    ) -> None:
        self._paths = paths
        self._settings = settings
        self._command = command
        self._handover = handover
        is_watched = command is not None and settings.automatic_restart
        self._before = file_times(*map(_folder_of, paths)) if is_watched else None
        # Its files may be named relative to this folder, which the app's replaces.
        self._tls = tls_context(settings)
        # The port first: a taken one should not cost an import of the app.
        self._first = handover.listener if handover else listen(settings)
        refuse_open_login(settings, self._first)
        self._listeners = [self._first, *(handover.others if handover else ())]
        self._console = handover.console if handover else None
        # What the listeners behind the first one are.
        self._names: Sequence[str] = ()
        self._workforce: FrontProcesses | None = None

    def run(
        self,
        say: Callable[[str], None],
        complain: Callable[[ConfigurationError], str],
    ) -> float:
        """Serve the app, or the error page; see `serve_named`."""
        handover, is_broken = self._handover, False
        try:
            instance, app_server = self._load()
        except ConfigurationError as error:
            if handover is None or self._command is None:
                self._close()
                raise
            is_broken = True
            instance, app_server = self._explain(complain(error))
        server = serving.Serving(
            instance,
            app_server,
            self._listeners,
            say,
            command=self._command,
            is_app_broken=is_broken,
            names=self._names,
            is_reload=handover is not None,
            before=self._before,
            catch_ups=handover.catch_ups if handover else 0,
            workforce=self._workforce,
            console=self._console,
            tls=self._tls,
        )
        # The watch drops this table of files when it has looked back.
        self._before = None
        return server.run()

    def _load(self) -> tuple[Instance, addresses.Served]:
        """Read and load the app, and open what it needs."""
        settings, handover = self._settings, self._handover
        app = read_named(self._paths, runs_cron=settings.cron)
        installation = Installation(make_plan(settings, app, handover))
        if app.is_divided:
            self._listeners = module_serving.listen(settings, app, self._listeners)
        self._console = console_door.listen(
            settings, installation.login, self._console, is_reload=handover is not None
        )
        installation.take_over()
        return installation.open(), self._load_code(installation)

    def _load_code(self, installation: Installation) -> addresses.Served:
        """Load the app's code here, or in processes; return what answers for it."""
        plan, command = installation.plan, self._command
        app = plan.app
        scripts = Scripts(app.directory, dialect=installation.dialect)
        assert app.config is not None
        if self._settings.workers > 1 or app.elsewhere:
            from channelshim.composition import front_processes

            time_zone = command.time_zone if command is not None else None
            self._workforce, served, self._names = front_processes.start_processes(
                installation, self._paths, self._listeners, time_zone
            )
            return served
        if app.is_divided:
            served, self._names = module_serving.serve_modules(
                installation, scripts, self._listeners
            )
            return served
        exposure = addresses.exposure_of(plan, self._first)
        loading.load_app(scripts, app.config, plan.application, exposure.host)
        return installation.open().serve(exposure, scripts=scripts)

    def _explain(self, page_text: str) -> tuple[Instance, addresses.Served]:
        """Put an error page in the app's place."""
        installation = current() or Installation(
            make_plan(
                self._settings, empty_app(_folder_of(self._paths[0])), self._handover
            )
        )
        instance = installation.open()
        exposure = addresses.exposure_of(installation.plan, self._first)
        page = broken_app(page_text)
        return instance, instance.serve(exposure, page, is_app_broken=True)

    def _close(self) -> None:
        """Close the sockets that it has so far."""
        for each in (*self._listeners, self._console):
            if each is not None:
                each.close()


def _folder_of(path: Path) -> Path:
    """Return the app's folder, by it or by a file in it that may be gone."""
    return path.parent if path.name.endswith(ENDINGS) and not path.is_dir() else path
