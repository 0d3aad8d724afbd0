"""One app in an app process: connections, lease and clock are the front's."""

from __future__ import annotations

from channelshim.composition.app_parts import (
    COOKIES,
    TOKENS,
    AppParts,
    Sites,
    values_of,
)
from channelshim.composition.brokers import open_memcache
from channelshim.composition.clock import SystemClock
from channelshim.composition.plan import Plan
from channelshim.composition.policy import signer_name
from channelshim.composition.status import StatusRegistry
from channelshim.composition.stores import open_store
from channelshim.contracts.identity import Login
from channelshim.errors import ConfigurationError, StorageError
from channelshim.kernel.deadlines import Deadlines
from channelshim.kernel.threads import Threads
from channelshim.protocol.cookies import CookieSigner
from channelshim.protocol.tokens import TokenSigner
from channelshim.server.pipe_app import AppPipe
from channelshim.services.deadline import deadline_error
from channelshim.services.executions import Executions
from channelshim.services.registry import Backing


class AppInstance(AppParts):
    """One app behind a pipe.

    Args:
        plan: as the front has settled it.
        login: says who a request comes from.
        pipe: to the front, which holds the store's lease.
        threads: keeps the threads running.

    Raises:
        StorageError: the store or memcache cannot be used.
    """

    def __init__(
        self, plan: Plan, login: Login, pipe: AppPipe, threads: Threads
    ) -> None:
        self.login = login
        self._servers = []
        self.plan = plan
        self.clock = SystemClock()
        self.threads = threads
        self.status = StatusRegistry(threads)
        self.deadlines = Deadlines(threads, deadline_error)
        self.store = open_store(plan.store, values_of, takes_lease=False)
        own = plan.application.application_id
        self.tokens = TokenSigner(self.secrets(TOKENS), own)
        self.cookies = CookieSigner(
            self.secrets(COOKIES), own, signer_name(plan.settings)
        )
        # An answer is not sent before its messages are, and the front waits for them.
        self.sites = Sites(lambda done: done())
        try:
            self._memcache = open_memcache(plan)
        except ConfigurationError as error:
            self.store.close()
            # The front has found it right: it is away.
            raise StorageError(f"memcache: {error}") from error
        self.backing = Backing(
            self.store,
            self.tokens,
            pipe.messages,
            _FrontExecutions(self.clock, pipe),
            lambda: pipe.note("tasks"),
            self._memcache,
            lambda: pipe.note("mail"),
        )

    def close(self) -> None:
        """Give the store and memcache back."""
        if self._memcache is not None:
            self._memcache.close()
        super().close()


class _FrontExecutions(Executions):
    """Counts in the front, which begins the tasks."""

    def __init__(self, clock: SystemClock, pipe: AppPipe) -> None:
        super().__init__(clock)
        self._pipe = pipe

    def count(self, queue: str, tasks: int = 1) -> None:
        """See Executions."""
        self._pipe.note("begun", queue, str(tasks))

    def last_minute(self, queue: str) -> int:
        """See Executions."""
        return int(self._pipe.ask("last minute", queue))
