"""The program of an app process: loads the app, and answers what its front sends."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Final

from channelshim.appserver import loading
from channelshim.appserver.scripts import Scripts
from channelshim.composition import module_serving
from channelshim.composition.addresses import Served, exposure_of
from channelshim.composition.app_instance import AppInstance
from channelshim.composition.app_setup import AWAY, AppSetup
from channelshim.composition.installation import Installation
from channelshim.composition.plan import Plan, make_plan
from channelshim.composition.policy import worker_count
from channelshim.composition.reading import read_named
from channelshim.contracts.identity import Login
from channelshim.errors import ChannelShimError, StorageError
from channelshim.kernel import allocator
from channelshim.kernel.threads import Threads
from channelshim.protocol.pipe_frames import Kind
from channelshim.runtime import collector, log_lines
from channelshim.runtime.notices import NOTICES
from channelshim.server.pipe_app import AppPipe
from channelshim.server.pipe_requests import RequestServer

SWITCH_SECONDS: Final = 0.001
"""As in a server with its own threads: an answer that is ready, or the next request,
need not wait for handlers that compute."""


def end_at_once() -> None:
    """End the process: its front has gone, and nobody is left to answer to."""
    log_lines.flush()
    os._exit(0)


class AppProcess:
    """One app process.

    Args:
        setup: from its front.
        pipe: to the front, not started.
        threads: keeps the threads running.
    """

    def __init__(self, setup: AppSetup, pipe: AppPipe, threads: Threads) -> None:
        self._setup = setup
        self._pipe = pipe
        self._threads = threads
        self._has_to_stop = threading.Event()
        self._seconds_left = 0.0

    def run(self) -> float:
        """Load the app, and answer until the front says to stop.

        Returns:
            the seconds that threads of the app may still take.
        """
        NOTICES.begin(self._setup.warned)
        sys.argv[:] = [self._setup.program]
        os.environ["TZ"] = "UTC"
        time.tzset()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._pipe.start()
        try:
            instance = self._serve()
        except ChannelShimError as error:
            report = str(getattr(error, "report", ""))
            away = [AWAY] if isinstance(error, StorageError) else []
            self._pipe.send(Kind.FAILED, 0, [str(error), report, *away])
            return self._seconds_left
        self._has_to_stop.wait()
        instance.close()
        return self._seconds_left

    def _serve(self) -> AppInstance:
        setup = self._setup
        app = read_named([Path(each) for each in setup.paths])
        app = app.part(app.folders[setup.folder])
        plan = make_plan(
            setup.settings,
            app,
            minor_version=setup.minor_version,
            instance=setup.instance,
        )

        def make_instance(plan: Plan, login: Login) -> AppInstance:
            return AppInstance(plan, login, self._pipe, self._threads)

        installation = Installation(plan, make_instance)
        installation.take_over()
        instance = installation.parts()
        assert isinstance(instance, AppInstance)
        served = self._load(installation)
        collector.freeze()
        allocator.give_back()
        RequestServer(
            self._pipe,
            served,
            instance.sites,
            count=worker_count(plan.settings, app.config),
            threads=self._threads,
            deadlines=instance.deadlines,
            deadline_seconds=plan.settings.request_deadline_seconds,
            loaded_files=served.loaded_files,
            on_stop=self._stop,
        )
        return instance

    def _load(self, installation: Installation) -> Served:
        plan, addresses = installation.plan, self._setup.addresses
        config = plan.app.config
        assert config is not None
        scripts = Scripts(plan.app.directory, dialect=installation.dialect)
        if plan.app.is_divided:
            return module_serving.serve_modules(installation, scripts, addresses)[0]
        exposure = exposure_of(plan, addresses[0])
        loading.load_app(scripts, config, plan.application, exposure.host)
        return installation.parts().serve(exposure, scripts=scripts)

    def _stop(self, seconds: float) -> None:
        self._seconds_left = seconds
        self._has_to_stop.set()
