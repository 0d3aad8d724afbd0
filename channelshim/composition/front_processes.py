"""What a front with app processes is made of: them, and what answers for files."""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from channelshim import version
from channelshim.appserver import loading
from channelshim.appserver.scripts import Scripts
from channelshim.composition import module_serving
from channelshim.composition.addresses import Served, exposure_of
from channelshim.composition.app_launch import Launcher
from channelshim.composition.app_setup import Address, AppSetup
from channelshim.composition.app_teams import PoolOptions, Team
from channelshim.composition.installation import Installation
from channelshim.composition.instance import Instance
from channelshim.composition.modules import ModuleSites
from channelshim.composition.plan import new_minor_version
from channelshim.composition.policy import Bound, worker_count
from channelshim.composition.processes import Processes
from channelshim.composition.reading import read_named
from channelshim.composition.settings import PREFIX
from channelshim.contracts.dispatcher import InternalRequest, InternalResponse
from channelshim.contracts.status import Status
from channelshim.errors import ConfigurationError
from channelshim.jobs.jobs import first_requests, last_requests
from channelshim.kernel.threads import Threads
from channelshim.runtime.log_lines import LineHandler
from channelshim.runtime.log_ring import LogRingHandler
from channelshim.runtime.notices import NOTICES
from channelshim.server import pipe_logs
from channelshim.server.executor import Executor, ThreadExecutor
from channelshim.server.front_executor import FILE_THREADS, FrontExecutor
from channelshim.server.pipe_pool import Pool, report_pools
from channelshim.server.pipe_services import FrontServices
from channelshim.server.workers import Workers

if TYPE_CHECKING:
    from channelshim.server.exchange import Exchange

LEAST: Final = 2
"""App processes from which on there is a front: one alone would gain nothing."""

_logger: Final = logging.getLogger("channelshim.processes")


class FrontProcesses:
    """The app processes of one instance, about to be started.

    Args:
        instance: with its store open.
        paths: what the command names; see reading.read_named.
        listeners: the app's own first.
        time_zone: of the process at its start, which the app finds as UTC; None where
            there was none.

    Attributes:
        processes: not started.
    """

    def __init__(
        self,
        instance: Instance,
        paths: Sequence[Path],
        listeners: Sequence[Bound],
        time_zone: str | None,
    ) -> None:
        plan = instance.plan
        config = plan.app.config
        assert config is not None
        self._plan = plan
        self._installed = _installed()
        self._paths = tuple(os.path.abspath(each) for each in paths)
        self._addresses = tuple(
            Address(tuple(each.getsockname())) for each in listeners
        )
        self._minor_version = plan.application.minor_version
        self._instance = instance
        self._folders = plan.app.folders
        # What the first process of a folder warns of, for all of them.
        self._unsaid: defaultdict[Path, list[str]] = defaultdict(list)
        # Digests of what a process before has been left to say.
        self._left_to_others: set[str] = set()
        variables = _variables(time_zone)
        # One alone, beside the front, where only modules of other folders need it.
        count = max(1, plan.settings.workers)
        self.processes: Processes = Processes(
            [
                self._team(folder, count, 1 + count * place, variables)
                for place, folder in enumerate(self._folders)
            ],
            services_of(instance, self._tell_full),
            self._begin_generation,
            threads=instance.threads,
        )

    def _team(
        self, folder: Path, count: int, first: int, variables: Mapping[str, str]
    ) -> Team:
        """Return the processes that run the modules of a folder.

        Args:
            folder: of the modules.
            count: how many processes.
            first: the number of the first one.
            variables: their environment.
        """
        app = self._plan.app.part(folder)
        assert app.config is not None
        modules = (app.config, *app.modules)
        for config in modules:
            # Here, or each process would.
            self._unsaid[folder] += loading.warn_ahead(config, folder)
        settings = self._plan.settings
        return Team(
            count,
            Launcher(partial(self._setup, folder, first), variables, sys.path),
            PoolOptions(
                worker_count(settings, app.config),
                not app.config.is_threadsafe,
                settings.request_deadline_seconds,
            ),
            tuple(first_requests(modules)),
            tuple(last_requests(modules)),
        )

    def executor(self, served: Served, threads: Threads) -> Executor:
        """Return what hands requests to the processes; the platform's own too.

        Args:
            served: answers for files.
            threads: keeps the threads running.
        """
        files = ThreadExecutor(served, Workers(FILE_THREADS, threads=threads))
        pools = self.processes.pools
        pool: Pool | FolderPools = pools[0]
        if len(pools) > 1:
            assert isinstance(served, ModuleSites)
            pool = FolderPools(served, self._pools_by_module())
        self._instance.sites.add(pool)
        return FrontExecutor(served.is_for_a_file, files, pool)

    def _pools_by_module(self) -> dict[str, Pool]:
        app = self._plan.app
        pools: dict[str, Pool] = {}
        for folder, pool in zip(self._folders, self.processes.pools, strict=True):
            part = app.part(folder)
            assert part.config is not None
            for config in (part.config, *part.modules):
                pools[config.module] = pool
        return pools

    def report_to(self, status: Status) -> None:
        """See Processes."""
        self.processes.report_to(status)

    def must_begin_anew(self) -> bool:
        """Return whether new app processes would not fit this front.

        The app's YAML files say something else than at the start, or channelshim was
        installed anew. Files that cannot be read change nothing, and the log says what
        is wrong with the app's.
        """
        if _installed() not in (self._installed, None):
            return True
        try:
            app = read_named(
                [Path(each) for each in self._paths],
                runs_cron=self._plan.settings.cron,
            )
        except ConfigurationError as error:
            _logger.error("the YAML files stay as they were read: %s", error)
            return False
        return app != self._plan.app

    def _tell_full(self, is_full: bool) -> None:
        for pool in self.processes.pools:
            pool.refuse_messages(is_full)

    def _begin_generation(self) -> None:
        self._minor_version = new_minor_version()

    def _setup(self, folder: Path, first: int, number: int) -> bytes:
        plan = self._plan
        settings = dataclasses.replace(
            plan.settings,
            application=plan.application.application_id,
            storage_path=str(plan.store_directory),
            clear_datastore=False,
            # The front answers; and a relative path would lead elsewhere there.
            metrics_token_file="",
            # The front sends; here only whether mail is sent matters.
            smtp_user="",
            smtp_password="",
            smtp_password_file="",
        )
        return AppSetup(
            number,
            settings,
            self._paths,
            self._addresses,
            self._minor_version,
            sys.argv[0],
            self._folders.index(folder),
            number - first,
            self._warned(folder),
        ).to_json()

    def _warned(self, folder: Path) -> tuple[str, ...]:
        """Return digests of what the next process of a folder need not warn of."""
        # What was known before a reload, too: a process may find it again.
        warned = (*NOTICES.digests(is_whole=False), *self._left_to_others)
        # After a reload they are known only if a process did say them.
        self._left_to_others.update(map(NOTICES.leave, self._unsaid.pop(folder, ())))
        return warned


def _installed() -> tuple[int, int] | None:
    """Return what is another one when channelshim is installed anew.

    None while its files are not there, as in the middle of that.
    """
    try:
        found = os.stat(version.__file__)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


class FolderPools:
    """The processes of several folders, as one Executor and one Dispatcher.

    Args:
        sites: says which module a request is for.
        pools: of each module, by its name.
    """

    def __init__(self, sites: ModuleSites, pools: Mapping[str, Pool]) -> None:
        self._sites = sites
        self._pools = pools

    def submit(self, exchange: Exchange) -> bool:
        """See Executor."""
        return self._pools[self._sites.settle(exchange.environ)].submit(exchange)

    def withdraw(self, exchange: Exchange) -> bool:
        """See Executor."""
        return any(each.withdraw(exchange) for each in self._pools.values())

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        """See contracts.dispatcher.Dispatcher."""
        return self._pools[self._sites.name_for(request)].dispatch(request)

    def report_to(self, status: Status) -> None:
        """See Executor."""
        report_pools(status, tuple(dict.fromkeys(self._pools.values())))


def _variables(time_zone: str | None) -> dict[str, str]:
    """Return the environment of an app process.

    The settings reach it otherwise; here the app could read the passwords in them, and
    whatever it starts would inherit them.
    """
    variables = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(PREFIX) or name.startswith(f"{PREFIX}TESTS_")
    }
    variables.pop("TZ", None)
    return variables if time_zone is None else {**variables, "TZ": time_zone}


def services_of(instance: Instance, full: Callable[[bool], None]) -> FrontServices:
    """Return what app processes have of a front.

    Args:
        instance: with its store open.
        full: called, from any thread, with whether they are to refuse messages.
    """
    broker = instance.broker
    executions = instance.backing.executions
    return FrontServices(
        broker.forwards(full),
        {
            "expect": lambda client_id: str(broker.expect(client_id)),
            "last minute": lambda queue: str(executions.last_minute(queue)),
        },
        {
            "tasks": instance.jobs.wake,
            "mail": instance.wake_mail,
            "begun": lambda queue, tasks: executions.count(queue, int(tasks)),
            pipe_logs.NOTE: _take_log,
        },
    )


def _take_log(process: str, *texts: str) -> None:
    """Keep a line of a process where the console finds it."""
    line = pipe_logs.line_of(*texts)
    NOTICES.hear(line.text)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, (LineHandler, LogRingHandler)):
            handler.ring.take(line, process)


def served_files(
    installation: Installation, listeners: Sequence[Bound]
) -> tuple[Served, list[str]]:
    """Return what answers for an app's files, without its code.

    Args:
        installation: of the app, its store open.
        listeners: the app's own first.

    Returns:
        it, and what the listeners behind the first one are.
    """
    plan, instance = installation.plan, installation.open()
    scripts = Scripts(plan.app.directory, dialect=installation.dialect)
    if plan.app.is_divided:
        return module_serving.serve_modules(
            installation, scripts, listeners, loads=False
        )
    exposure = exposure_of(plan, listeners[0])
    return instance.serve(exposure, scripts=scripts, is_site=False), []


def start_processes(
    installation: Installation,
    paths: Sequence[Path],
    listeners: Sequence[Bound],
    time_zone: str | None,
) -> tuple[FrontProcesses, Served, list[str]]:
    """Start the app's processes, and wait until one has loaded the app.

    Returns:
        them, what answers for files, and what the listeners behind the first one are.

    Raises:
        AppLoadError: the app cannot be loaded.
    """
    workforce = FrontProcesses(installation.open(), paths, listeners, time_zone)
    workforce.processes.load()
    return workforce, *served_files(installation, listeners)
