"""What holds the connections of an instance: hub, pollers, presence."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from channelshim.composition.company import Company
from channelshim.composition.instance import Instance
from channelshim.composition.policy import posts_presence
from channelshim.errors import ChannelShimError
from channelshim.hub.connections import Sender, write_each
from channelshim.hub.hub import Hub
from channelshim.hub.journal import PresenceJournal
from channelshim.hub.overview import LiveOverview
from channelshim.hub.pacing import Pacing
from channelshim.hub.passes import CallSoon
from channelshim.hub.reports import PresenceReports
from channelshim.transports.polling import Poller
from channelshim.transports.stop_signals import INTERRUPT_SECONDS

_logger: Final = logging.getLogger("channelshim.composition")

LEAD_SECONDS: Final = 2.0
"""How often a server that shares a store looks whether it is to run the tasks."""


class Front:
    """The connections' side of one instance.

    Args:
        instance: with its store open.
        sender: writes the same to many connections.
        pacing: says which handlers run.

    Attributes:
        hub: where pages attach.
        poller: answers polls.
        overview: shows the channels.
    """

    def __init__(
        self,
        instance: Instance,
        *,
        sender: Sender = write_each,
        pacing: Pacing | None = None,
    ) -> None:
        settings = instance.plan.settings
        self._instance = instance
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leading: asyncio.TimerHandle | None = None
        self._is_finished = False
        self._company = Company(instance)
        self._reports = PresenceReports(
            instance.sites,
            # A broker that is shared keeps itself who is connected.
            None if instance.is_shared else PresenceJournal(instance.store.journal),
            instance.broker.told,
            is_posting=posts_presence(settings, instance.plan.app.config),
            threads=instance.threads,
            deadlines=instance.deadlines,
        )
        self.hub: Hub = Hub(
            instance.broker,
            instance.clock,
            self._reports.tell,
            sender=sender,
            pacing=pacing,
            grace_seconds=settings.grace_seconds,
            ping_interval_seconds=settings.ping_interval_seconds,
            ping_timeout_seconds=settings.ping_timeout_seconds,
            pause_seconds=settings.pause_seconds,
        )
        self.poller: Poller = Poller(
            self.hub,
            instance.tokens,
            instance.clock,
            grace_seconds=settings.grace_seconds,
        )
        self.overview: LiveOverview = LiveOverview(instance.broker, self.hub)
        for part in (self.hub, self._reports, self.poller):
            part.report_to(instance.status)

    def start(
        self, loop: asyncio.AbstractEventLoop, call_soon: CallSoon | None = None
    ) -> None:
        """Start delivering on this loop, in its thread; resume what was.

        Raises:
            StoreInUse: another worker process of a forking server does so already: two
                would each keep half of the messages from the other.
        """
        self._instance.store.claim()
        self._loop = loop
        self.hub.start(loop, call_soon)
        self._company.start(loop)

    def start_jobs(self, *, tells_instances: bool = True) -> None:
        """Run tasks and cron jobs from now on, and tell the app of its start.

        Where another server has the lease of the same store, it does; this one takes
        its place when it has gone.

        Args:
            tells_instances: see Jobs.start.
        """
        if not self._instance.store.is_leased:
            self._await_lease(tells_instances)
            return
        self._look_for_others()
        settings = self._instance.plan.settings
        self._instance.jobs.start(
            self._instance.sites,
            self._instance.plan.app.config,
            runs_cron=settings.cron,
            runs_tasks=settings.enable_task_running,
            modules=[each.config for each in self._instance.plan.modules],
            tells_instances=tells_instances,
        )
        if self._instance.mail is not None:
            self._instance.mail.start()

    def _look_for_others(self) -> None:
        """Say where servers share a store and not their channels."""
        if not self._instance.plan.store.is_shared or self._instance.is_shared:
            return
        # A server that a load balancer left out for this would not be better elsewhere.
        self._instance.status.check(
            "channels.shared", self._describe_others, is_vital=False
        )
        found = self._describe_others()
        if found:
            _logger.warning("%s", found)

    def _describe_others(self) -> str:
        tasks = self._instance.store.tasks
        count = tasks.count_others(tasks.worker_id)
        if not count:
            return ""
        return (
            f"other servers have this store too ({count}), and channels are not "
            "shared: a message reaches only pages of the server that sends it. Give "
            "all of them one Redis, with the setting broker"
        )

    def _await_lease(self, tells_instances: bool) -> None:
        if self._loop is None:
            return
        is_leading = False
        try:
            is_leading = self._instance.lead()
        except ChannelShimError as error:
            _logger.error("who runs the tasks cannot be found out: %s", error)
        if is_leading:
            _logger.info("the server that ran tasks has gone: this one does now")
            self.start_jobs(tells_instances=tells_instances)
        else:
            self._leading = self._loop.call_later(
                LEAD_SECONDS, self._await_lease, tells_instances
            )

    def start_all(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start delivering, and the jobs; see `start`."""
        self.start(loop)
        self.start_jobs()

    def stop(self) -> None:
        """Tell pages to come back and keep what they will ask for. Loop thread.

        No further task or cron job begins.
        """
        self._company.stop()
        self.hub.stop()
        self._loop = None
        if self._leading is not None:
            self._leading.cancel()
        self._instance.jobs.begin_stop()
        if self._instance.mail is not None:
            self._instance.mail.begin_stop()

    def close(self, seconds: float = INTERRUPT_SECONDS) -> None:
        """Finish, and close the instance; see `finish`."""
        self.finish(seconds)
        self._instance.close()

    def finish(self, seconds: float) -> None:
        """Let end what the platform does by itself. Idempotent.

        Args:
            seconds: within which tasks, cron jobs and presence must end. The journal is
                written in any case.
        """
        if self._is_finished:
            return
        self._is_finished = True
        bound = time.monotonic() + seconds
        self._instance.jobs.stop(seconds)
        if self._instance.mail is not None:
            # A mail in hand: what is cut off may leave twice.
            self._instance.mail.stop(max(bound - time.monotonic(), 0.0))
        left = bound - time.monotonic()
        self._reports.stop(max(left, INTERRUPT_SECONDS))
