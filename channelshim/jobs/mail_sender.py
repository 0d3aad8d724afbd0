"""Sends the mails that wait in the store, until each has left or is given up.

A mail is in the store before the app's call returns. It is taken for a time, handed to
the mail system, and settled: whatever dies in between, it is taken again afterwards. So
every mail leaves at least once; one that was handed over in the moment of a crash
leaves twice, with the same Message-ID, by which receivers know it.

A mail system that is away holds up every mail: the pause grows, and mails are tried in
their order. A mail that is refused for now waits by itself, and holds up no other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from channelshim.contracts.clock import Clock
from channelshim.contracts.mails import (
    MailRoute,
    Mails,
    MailState,
    OutgoingMail,
    SmtpRoute,
)
from channelshim.contracts.status import Status
from channelshim.errors import StorageError
from channelshim.jobs.mail_outcomes import Delivery, Outcome, RouteDown, shown
from channelshim.kernel.threads import Kept, Pauses, Threads
from channelshim.runtime.log_text import one_line

MAIL_LEASE_SECONDS: Final = 15 * 60.0
"""For which a mail is taken: longer than any try lasts."""

FIRST_RETRY_SECONDS: Final = 60.0
LONGEST_RETRY_SECONDS: Final = 3600.0
"""Before a mail is tried again that was refused for now: greylisting takes minutes."""

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 300.0
"""While the mail system is away."""

_IDLE_SECONDS: Final = 30.0
"""Another server may have died with a mail."""

_AFTER_ERROR_SECONDS: Final = 5.0

_REFUSED_EARLIER: Final = "refused in an earlier try"

_logger: Final = logging.getLogger("channelshim.mail")


class MailSender:
    """Sends mails, one after the other. Any thread.

    Args:
        mails: the store's.
        route: how they leave.
        clock: says now.
        threads: keeps the thread running.
        delivery: hands them over; None for the one of the route.
        first_retry_seconds: see FIRST_RETRY_SECONDS.
        first_pause_seconds: see FIRST_PAUSE_SECONDS.
    """

    def __init__(
        self,
        mails: Mails,
        route: MailRoute,
        clock: Clock,
        threads: Threads,
        *,
        delivery: Delivery | None = None,
        first_retry_seconds: float = FIRST_RETRY_SECONDS,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self._mails = mails
        self._route = route
        self._clock = clock
        self._threads = threads
        self._delivery = delivery
        self._first_retry_seconds = first_retry_seconds
        self._pauses = Pauses(first_pause_seconds, LONGEST_PAUSE_SECONDS)
        self._is_stopping = threading.Event()
        self._is_woken = threading.Event()
        self._has_released = False
        # Why no mail can leave; "" while mails do.
        self._trouble = ""
        self._sent = 0
        self._failed = 0
        # What became of a mail, while the store could not be told.
        self._unsettled: Callable[[], None] | None = None
        self._thread: Kept | None = None

    def report_to(self, status: Status) -> None:
        """Register how many mails wait, left and failed."""
        status.counter("mail.waiting", lambda: self._mails.counts().waiting)
        status.counter("mail.oldest_seconds", self._oldest_seconds)
        status.counter("mail.sent", lambda: self._sent)
        status.counter("mail.failed", lambda: self._failed)
        status.check("mail", self._describe_trouble, is_vital=False)

    def start(self) -> None:
        """Begin to send. Idempotent."""
        if self._thread is None:
            self._thread = self._threads.start("mail", self._run)

    def wake(self) -> None:
        """Look for mails now: one was added, or is to be tried again."""
        self._is_woken.set()

    def begin_stop(self) -> None:
        """Begin with no further mail. Waits for nothing; idempotent."""
        self._is_stopping.set()
        self._is_woken.set()

    def stop(self, seconds: float) -> None:
        """Begin with no further mail, and wait so long for the one in hand.

        One that is not done then is sent again after the next start.
        """
        self.begin_stop()
        if self._thread is not None:
            self._thread.hurry()
            self._thread.join(seconds)

    def _oldest_seconds(self) -> float:
        oldest_at = self._mails.counts().oldest_at
        return 0.0 if oldest_at is None else max(0.0, self._clock.time() - oldest_at)

    def _describe_trouble(self) -> str:
        if not self._trouble:
            return ""
        return f"mails wait for {self._route}: {self._trouble}"

    def _run(self) -> None:
        while True:
            # Before the stop is looked for, which is noted before it wakes.
            self._is_woken.clear()
            if self._is_stopping.is_set():
                return
            try:
                if not self._has_released:
                    # The process before this one may have died with a mail.
                    self._mails.release()
                    self._has_released = True
                if self._unsettled is not None:
                    self._write(self._unsettled)
                wait_seconds = self._send_next()
            except StorageError as error:
                _logger.error("mails wait: %s", error)
                self._is_stopping.wait(_AFTER_ERROR_SECONDS)
                continue
            if wait_seconds > 0:
                self._is_woken.wait(wait_seconds)

    def _send_next(self) -> float:
        """Send a mail if one is due; return how long to wait for the next."""
        now = self._clock.time()
        mail = self._mails.take(now, now + MAIL_LEASE_SECONDS)
        if mail is None:
            next_due_at = self._mails.counts().next_due_at
            if next_due_at is None:
                return _IDLE_SECONDS
            return min(_IDLE_SECONDS, max(0.01, next_due_at - now))
        begun = time.monotonic()
        try:
            outcome = self._deliver(mail)
        except RouteDown as error:
            self._put_back(mail, str(error))
            pause = self._pauses.after(time.monotonic() - begun)
            # New mails do not shorten it.
            self._is_stopping.wait(pause)
            return 0.0
        except Exception as error:
            _logger.exception("mail %d could not be handed over", mail.number)
            reasons = dict.fromkeys(mail.envelope.recipients, type(error).__name__)
            outcome = Outcome(deferred=reasons)
        if self._trouble:
            _logger.info("%s takes mail again", self._route)
        self._trouble = ""
        self._pauses = Pauses(self._pauses.first_seconds, LONGEST_PAUSE_SECONDS)
        self._settle(mail, outcome)
        return 0.0

    def _deliver(self, mail: OutgoingMail) -> Outcome:
        if self._delivery is None:
            self._delivery = _delivery_of(self._route)
        return self._delivery.deliver(mail)

    def _write(self, settle: Callable[[], None]) -> None:
        """Note what became of a mail; again, if the store is away.

        Raises:
            StorageError: it is; the next round tries again before it sends anything.
        """
        self._unsettled = settle
        settle()
        self._unsettled = None

    def _put_back(self, mail: OutgoingMail, reason: str) -> None:
        """Have a mail wait at the head, whose turn has come while nothing can leave."""
        if reason != self._trouble:
            _logger.error("mails wait for %s: %s", self._route, reason)
        self._trouble = reason
        recipients = mail.envelope.recipients
        is_over = self._clock.time() >= mail.gives_up_at
        self._write(
            partial(
                self._mails.settle,
                mail,
                MailState.FAILED if is_over else MailState.WAITING,
                recipients=recipients,
                given_up=mail.given_up,
                refused=mail.refused,
                trouble=reason,
            )
        )
        if is_over:
            self._note_failure(mail, dict.fromkeys(recipients, reason))

    def _settle(self, mail: OutgoingMail, outcome: Outcome) -> None:
        refused = "; ".join(filter(None, [_before(mail), shown(outcome.refused)]))
        now = self._clock.time()
        if outcome.deferred and now < mail.gives_up_at:
            seconds = self._retry_seconds(mail.tries)
            self._write(
                partial(
                    self._mails.settle,
                    mail,
                    MailState.WAITING,
                    recipients=list(outcome.deferred),
                    given_up=[*mail.given_up, *outcome.refused],
                    due_at=now + seconds,
                    refused=refused,
                    trouble=shown(outcome.deferred),
                )
            )
            _logger.warning(
                "mail %d is tried again in %.0f s: %s",
                mail.number,
                seconds,
                one_line(shown(outcome.deferred)),
            )
            return
        # Those who were refused it in an earlier try are not in the envelope any more.
        left = {**outcome.refused, **outcome.deferred}
        is_failed = left or mail.refused or mail.given_up
        state = MailState.FAILED if is_failed else MailState.SENT
        self._write(
            partial(
                self._mails.settle,
                mail,
                state,
                recipients=list(left),
                given_up=mail.given_up,
                refused=refused,
                trouble=shown(outcome.deferred),
            )
        )
        if state is MailState.FAILED:
            self._note_failure(mail, left)
            return
        self._sent += 1
        _logger.info(
            "mail %d was handed to %s for %s",
            mail.number,
            self._route,
            one_line(", ".join(mail.envelope.recipients)),
        )

    def _note_failure(self, mail: OutgoingMail, left: dict[str, str]) -> None:
        self._failed += 1
        reasons = "; ".join(filter(None, [_before(mail), shown(left)]))
        _logger.error("mail %d is given up: %s", mail.number, one_line(reasons))

    def _retry_seconds(self, tries: int) -> float:
        # The exponent is bounded: four days are fewer tries than that.
        seconds = self._first_retry_seconds * 2.0 ** min(tries - 1, 30)
        return min(seconds, LONGEST_RETRY_SECONDS)


def _before(mail: OutgoingMail) -> str:
    """Return who was refused a mail in earlier tries, and why."""
    # A server that knows nothing of those who were given up may have tried it again.
    return mail.refused or shown(dict.fromkeys(mail.given_up, _REFUSED_EARLIER))


def _delivery_of(route: MailRoute) -> Delivery:
    """Return what hands mails over; loaded when the first one leaves."""
    if isinstance(route, SmtpRoute):
        from channelshim.jobs.smtp_delivery import SmtpDelivery

        return SmtpDelivery(route)
    from channelshim.jobs.sendmail_delivery import SendmailDelivery

    return SendmailDelivery(route)
