"""One app with its store open, wired once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from channelshim.composition import accounts
from channelshim.composition.app_parts import (
    COOKIES,
    TOKENS,
    AppParts,
    Sites,
    values_of,
)
from channelshim.composition.brokers import (
    InstanceBroker,
    is_shared,
    open_broker,
    open_memcache,
)
from channelshim.composition.clock import SystemClock
from channelshim.composition.control import ControlServer, Facts
from channelshim.composition.plan import Plan
from channelshim.composition.policy import signer_name
from channelshim.composition.status import StatusRegistry
from channelshim.composition.stores import open_store
from channelshim.contracts.dispatcher import InternalRequest
from channelshim.contracts.identity import Login
from channelshim.contracts.store import Store
from channelshim.jobs.jobs import Jobs
from channelshim.kernel.deadlines import Deadlines
from channelshim.kernel.threads import Threads
from channelshim.protocol.cookies import CookieSigner
from channelshim.protocol.tokens import TokenSigner
from channelshim.services.deadline import deadline_error
from channelshim.services.executions import Executions
from channelshim.services.registry import Backing

if TYPE_CHECKING:
    from channelshim.jobs.mail_sender import MailSender


class Instance(AppParts):
    """One app with everything behind it; `Front` stands before it.

    Args:
        plan: what was settled.
        login: says who a request comes from.

    Attributes:
        plan: as given.
        login: as given.
        clock: the time.
        status: where every room says how it is.
        threads: keeps the threads that live as long as the process.
        deadlines: has the app's code hear when its time is over.
        store: open; that of SQLite is this process's alone.
        tokens: signs channel tokens.
        cookies: signs login cookies.
        is_shared: whether other servers have the same channels.
        broker: messages of every client id.
        backing: what the services are made from.
        sites: the applications, for the platform's own requests.
        jobs: tasks, cron and the instance's life; not started.
        mail: sends what the app's mail service has stored, not started; None where mail
            is kept.

    Raises:
        ConfigurationError: the broker's server cannot serve.
        StorageError: another server holds the store, or it cannot be used.
    """

    def __init__(self, plan: Plan, login: Login) -> None:
        settings = plan.settings
        self.login: Login = login
        self.plan: Plan = plan
        self.clock: SystemClock = SystemClock()
        self.threads: Threads = Threads()
        self.status: StatusRegistry = StatusRegistry(self.threads)
        self.deadlines: Deadlines = Deadlines(self.threads, deadline_error)
        self.is_shared: bool = is_shared(settings)
        self.store: Store = open_store(
            plan.store,
            values_of,
            is_cleared=plan.clears_store,
            may_share=self.is_shared,
        )
        with contextlib.ExitStack() as opened:
            opened.callback(self.store.close)
            # An app's own: others may have been given the same secrets.
            own = plan.application.application_id
            self.tokens: TokenSigner = TokenSigner(self.secrets(TOKENS), own)
            self.cookies: CookieSigner = CookieSigner(
                self.secrets(COOKIES), own, signer_name(settings)
            )
            self._memcache = open_memcache(plan)
            if self._memcache is not None:
                opened.callback(self._memcache.close)
            self.broker: InstanceBroker = open_broker(
                plan, self.clock, self.store, self.threads
            )
            opened.pop_all()
        self.sites: Sites = Sites(self.broker.when_safe)
        executions = Executions(self.clock)
        self.jobs: Jobs = Jobs(
            self.store.tasks,
            plan.app.queues,
            plan.app.cron,
            self.clock,
            executions,
            self.threads,
            self.deadlines,
            settings.task_deadline_seconds,
            self.store.cron,
            has_company=self.is_shared,
        )
        self.mail: MailSender | None = self._mail_sender()
        for part in (self.threads, self.store, self.broker, self.jobs, self.mail):
            if part is not None:
                part.report_to(self.status)
        self._servers = []
        self.status.check("appserver.turns", self._describe_turns)
        self.backing: Backing = Backing(
            self.store,
            self.tokens,
            self.broker,
            executions,
            self.jobs.wake,
            self._memcache,
            self.wake_mail,
        )
        if self._memcache is not None:
            self.status.check(
                "memcache", self._memcache.describe_trouble, is_vital=False
            )
        self._control = ControlServer(
            plan.store_directory,
            self.threads,
            {
                "backup": self._answer_backup,
                "call": _answer_call,
                "request": self._answer_request,
                accounts.QUESTION: self._answer_accounts,
            },
        )
        if self.store.is_leased:
            self._control.start()

    def wake_mail(self) -> None:
        """Look for mails to send now. Any thread."""
        if self.mail is not None:
            self.mail.wake()

    def _mail_sender(self) -> MailSender | None:
        if self.plan.mail is None:
            return None
        # Most servers send no mail, and load nothing for it.
        from channelshim.jobs.mail_sender import MailSender

        return MailSender(self.store.mails, self.plan.mail, self.clock, self.threads)

    def lead(self) -> bool:
        """Do what one server alone does for a store, if no other does it.

        Raises:
            StoreInUse: as Store.claim.
        """
        if not self.store.lease():
            return False
        self._control.start()
        return True

    def listen(self) -> None:
        """Answer commands, if no other server of the same folder does. Any thread."""
        self._control.start()

    def close(self) -> None:
        """Save the windows and give the store back; `Front.close` calls it."""
        self._control.close()
        self.broker.stop()
        if self._memcache is not None:
            self._memcache.close()
        self.store.close()

    def _answer_accounts(self, facts: Facts, _: bytes) -> tuple[Facts, bytes]:
        return accounts.answer(self.store.passwords, facts), b""

    def _answer_request(self, facts: Facts, body: bytes) -> tuple[Facts, bytes]:
        """Have the app answer a request of a command, as one of the platform's."""
        answer = self.sites.dispatch(
            InternalRequest(
                "POST",
                str(facts["path"]),
                body,
                str(facts.get("content_type", "")),
                str(facts.get("remote_address", "")),
            )
        )
        return {"status": answer.status}, answer.body

    def _answer_backup(self, facts: Facts, _: bytes) -> tuple[Facts, bytes]:
        from channelshim.composition import backup

        return backup.answer(self.store, self.plan.store_directory, facts)


def _answer_call(facts: Facts, body: bytes) -> tuple[Facts, bytes]:
    from channelshim.services.forwarding import answer_call

    return answer_call(facts, body)
