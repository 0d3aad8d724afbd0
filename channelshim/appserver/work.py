"""The work that an app does besides answering: tasks, cron jobs, warm-up."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from channelshim import limits
from channelshim.appserver.cron import CronScheduler
from channelshim.appserver.tasks import TaskRunner
from channelshim.appyaml.config import AppConfig
from channelshim.appyaml.cron import CronConfig, parse_cron
from channelshim.appyaml.queues import QueueConfig, parse_queues
from channelshim.errors import ConfigurationError
from channelshim.protocol.contracts import Clock, Dispatcher, InternalRequest
from channelshim.services import sdk
from channelshim.services.executions import Executions
from channelshim.store.database import Database
from channelshim.store.pull_tasks import PullTaskStore
from channelshim.store.tasks import TaskStore

_logger: Final = logging.getLogger("channelshim.appserver")


class Work:
    """Tasks, cron jobs and warm-up of one app.

    Args:
        directory: of the app; queue.yaml and cron.yaml are read there.
        store_directory: blobs, mails and the search index go below it.
        database: the store's.
        clock: says now.

    Raises:
        ConfigurationError: queue.yaml or cron.yaml cannot be read; names the line.
    """

    def __init__(
        self, directory: Path, store_directory: Path, database: Database, clock: Clock
    ) -> None:
        self._store_directory = store_directory
        if (directory / "dispatch.yaml").is_file():
            _logger.info("dispatch.yaml has no effect: one module runs here")
        self._tasks = TaskStore(database)
        self._pulled = PullTaskStore(database)
        self._executions = Executions(clock)
        self._clock = clock
        self._queues = _read(directory / "queue.yaml", parse_queues, QueueConfig())
        self._cron = _read(directory / "cron.yaml", parse_cron, CronConfig())
        self._runner: TaskRunner | None = None
        self._scheduler: CronScheduler | None = None
        self._dispatcher: Dispatcher | None = None
        self._says_stop = False

    def factories(self) -> dict[str, Callable[[], Any]]:
        """Return the services that need no more than this, for services.proxy."""
        return {**sdk.factories(self._store_directory), "taskqueue": self._task_queue}

    def start(
        self,
        dispatcher: Dispatcher,
        config: AppConfig | None,
        *,
        runs_cron: bool,
        runs_tasks: bool = True,
    ) -> None:
        """Begin to run tasks, and cron jobs if asked; tell the app of its start.

        Args:
            dispatcher: makes the requests.
            config: app.yaml, or None.
            runs_cron: off in the old server.
            runs_tasks: False leaves them in the store.
        """
        for warning in (*self._queues.warnings, *self._cron.warnings):
            _logger.warning("%s", warning)
        if runs_tasks:
            self._runner = TaskRunner(
                self._tasks,
                self._queues,
                dispatcher,
                self._clock,
                started=self._executions.count,
            )
            self._runner.start()
        if runs_cron:
            self._scheduler = CronScheduler(self._cron, dispatcher, self._clock)
            self._scheduler.start()
        elif self._cron.jobs:
            _logger.info("cron.yaml is not run; --cron=yes runs it")
        if config is None:
            return
        self._says_stop = config.has_instances
        self._dispatcher = dispatcher
        if config.has_instances:
            self._tell_instance(limits.PATH_START)
        if "warmup" in config.inbound_services:
            self._tell_instance(limits.PATH_WARMUP)

    def _tell_instance(self, path: str) -> threading.Thread:
        """Make a request of an instance's life, whatever it answers."""
        request = InternalRequest(
            "GET", path, remote_address=limits.INSTANCE_REMOTE_ADDRESS
        )
        assert self._dispatcher is not None
        thread = threading.Thread(
            target=self._dispatcher.dispatch, args=(request,), name=path, daemon=True
        )
        thread.start()
        return thread

    def stop(self, timeout_seconds: float) -> None:
        """Start nothing more and wait for what is in hand; the rest runs again.

        An instance that stays is told of its end first, and gets as long.
        """
        if self._says_stop:
            self._says_stop = False
            self._tell_instance(limits.PATH_STOP).join(timeout_seconds)
        if self._scheduler is not None:
            self._scheduler.stop(timeout_seconds)
        if self._runner is not None and not self._runner.stop(timeout_seconds):
            _logger.warning(
                "tasks were interrupted; they run again after the next start"
            )

    def _task_queue(self) -> Any:
        from channelshim.services.taskqueue import TaskQueueService

        return TaskQueueService(
            self._tasks,
            self._pulled,
            self._queues,
            self._clock,
            lambda: f"task-{secrets.token_hex(12)}",
            self._wake,
            self._executions,
        )

    def _wake(self) -> None:
        if self._runner is not None:
            self._runner.wake()


def _read(path: Path, parse: Callable[..., Any], missing: Any) -> Any:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return missing
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"it cannot be read: {error}", path=str(path)
        ) from None
    return parse(text, path=str(path))
