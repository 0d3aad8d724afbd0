"""Mails that wait leave, are tried again, or are given up; nothing is forgotten."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from channelshim.composition.status import StatusRegistry
from channelshim.contracts.mails import (
    MAIL_PATIENCE_SECONDS,
    Envelope,
    MailState,
    OutgoingMail,
    SmtpRoute,
)
from channelshim.errors import StorageError
from channelshim.jobs import mail_sender
from channelshim.jobs.mail_outcomes import Outcome, RouteDown
from channelshim.jobs.mail_sender import MailSender
from channelshim.kernel.threads import Threads
from tests.stepped_clock import SteppedClock
from tests.store.dict_store import DictStore, Disk

ROUTE = SmtpRoute("mail.example", 587)

TO_TWO = Envelope("app@example.com", ("ann@example.com", "bob@example.com"))


class Post:
    """A delivery that does what the test says, mail by mail."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome | Exception] = []
        self.delivered: list[OutgoingMail] = []

    def deliver(self, mail: OutgoingMail) -> Outcome:
        self.delivered.append(mail)
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Office:
    """A sender over dicts or other mails, whose clock is stepped."""

    def __init__(self, mails: Any = None) -> None:
        self.clock = SteppedClock()
        self.disk = Disk()
        self.mails = mails or DictStore(self.disk).mails
        self.post = Post()
        self.threads = Threads(first_pause_seconds=0.01, longest_pause_seconds=0.01)
        self.sender = self.make()

    def make(self) -> MailSender:
        return MailSender(
            self.mails,
            ROUTE,
            self.clock,
            self.threads,
            delivery=self.post,
            first_pause_seconds=0.01,
        )

    def add(self) -> int:
        number = self.mails.add(b"data", self.clock.time(), TO_TWO)
        self.sender.wake()
        return number

    def state(self, number: int) -> MailState:
        return self.facts(number).state

    def facts(self, number: int) -> Any:
        return next(each for each in self.mails.facts() if each.number == number)


@pytest.fixture
def office() -> Iterator[Office]:
    made = Office()
    yield made
    made.sender.stop(10)


@pytest.fixture
def stored(open_engine: Any) -> Iterator[tuple[Any, Office]]:
    """A store of the product, and a sender over it."""
    store = open_engine()
    made = Office(store.mails)
    yield store, made
    made.sender.stop(10)


def test_mail_leaves_when_it_is_added(
    office: Office, wait_until: Callable[..., Any]
) -> None:
    office.sender.start()
    office.sender.start()
    for number in (office.add(), office.add()):
        wait_until(lambda each=number: office.state(each) is MailState.SENT)
    assert [mail.tries for mail in office.post.delivered] == [1, 1]


def test_mail_that_is_refused_for_now_waits_longer_and_longer(
    office: Office, wait_until: Callable[..., Any]
) -> None:
    later = Outcome(deferred={"bob@example.com": "451 later"})
    office.post.outcomes = [later, later, Outcome()]
    office.sender.start()
    number = office.add()
    wait_until(lambda: office.facts(number).trouble)
    facts = office.facts(number)
    assert (facts.state, facts.tries) == (MailState.WAITING, 1)
    assert facts.recipients == ("bob@example.com",)
    assert facts.due_at == office.clock.time() + 60
    office.clock.step(60)
    office.sender.wake()
    wait_until(lambda: office.facts(number).due_at == office.clock.time() + 120)
    # Another one is not held up.
    other = office.add()
    wait_until(lambda: office.state(other) is MailState.SENT)
    office.clock.step(120)
    office.sender.wake()
    wait_until(lambda: office.state(number) is MailState.SENT)
    sent = [mail for mail in office.post.delivered if mail.number == number]
    assert [len(mail.envelope.recipients) for mail in sent] == [2, 1, 1]
    assert office.facts(number).trouble == ""


def test_pause_before_a_try_is_bounded(office: Office) -> None:
    seconds = [office.sender._retry_seconds(tries) for tries in (1, 2, 6, 7, 8, 5000)]
    assert seconds == [60, 120, 1920, 3600, 3600, 3600]


def test_mail_that_is_refused_for_good_is_given_up(
    office: Office,
    wait_until: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    office.post.outcomes = [
        Outcome(refused={"ann@example.com": "550 no \n[31m user"}),
    ]
    office.sender.start()
    number = office.add()
    wait_until(lambda: office.state(number) is MailState.FAILED)
    facts = office.facts(number)
    assert facts.recipients == ("ann@example.com",)
    assert "550 no" in facts.refused
    wait_until(
        lambda: f"mail {number} is given up: ann@example.com: 550" in caplog.text
    )
    assert "\n[31m" not in caplog.records[-1].getMessage()


def test_who_was_refused_early_is_not_forgotten_by_a_later_success(
    office: Office, wait_until: Callable[..., Any]
) -> None:
    office.post.outcomes = [
        Outcome({"ann@example.com": "550 no"}, {"bob@example.com": "451 later"}),
        Outcome(),
    ]
    office.sender.start()
    number = office.add()
    wait_until(lambda: office.facts(number).trouble)
    office.clock.step(60)
    office.sender.wake()
    wait_until(lambda: office.state(number) is MailState.FAILED)
    assert office.facts(number).refused == "ann@example.com: 550 no"
    # By hand it is tried again, for her alone.
    assert office.mails.retry(number, office.clock.time())
    office.sender.wake()
    wait_until(lambda: office.state(number) is MailState.SENT)
    recipients = [mail.envelope.recipients for mail in office.post.delivered]
    assert recipients[1:] == [("bob@example.com",), ("ann@example.com",)]


@pytest.mark.parametrize(
    ("seconds", "later"),
    [
        (MAIL_PATIENCE_SECONDS, [RouteDown("gone")]),
        (60, [Outcome(refused={"bob@example.com": "550 no"})]),
        (60, [RouteDown("gone"), Outcome(refused={"bob@example.com": "550 no"})]),
    ],
    ids=["down", "refused", "down and refused"],
)
def test_all_who_were_given_up_one_by_one_can_be_tried_again(
    office: Office, wait_until: Callable[..., Any], seconds: float, later: list[Any]
) -> None:
    office.post.outcomes = [
        Outcome({"ann@example.com": "550 no"}, {"bob@example.com": "451 later"}),
        *later,
    ]
    office.sender.start()
    number = office.add()
    wait_until(lambda: office.facts(number).trouble)
    office.clock.step(seconds)
    office.sender.wake()
    wait_until(lambda: office.state(number) is MailState.FAILED)
    assert office.mails.retry(number, office.clock.time())
    office.sender.wake()
    wait_until(lambda: office.state(number) is MailState.SENT)
    assert office.post.delivered[-1].envelope.recipients == TO_TWO.recipients


def test_who_was_given_up_is_not_forgotten_when_an_older_server_tries_again(
    stored: tuple[Any, Office],
    wait_until: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, office = stored
    refused = {"ann@example.com": "550 no"}
    office.post.outcomes = [Outcome(refused, {"bob@example.com": "451 later"})]
    office.sender.start()
    number = office.add()
    wait_until(lambda: office.facts(number).trouble)
    office.sender.stop(10)
    # By hand, by a server that knows nothing of those who were given up: it is for bob
    # alone, and why ann was refused is gone.
    now = office.clock.time()
    statement = (
        f"UPDATE mail SET state = '{MailState.WAITING.value}', due_at = {now}, "
        f"gives_up_at = {now + 99}, refused = '', trouble = '' WHERE number = {number}"
    )
    with store.database.write() as connection:
        run = "run" if hasattr(connection, "run") else "execute"
        getattr(connection, run)(statement)
    office.sender = office.make()
    office.sender.start()
    wait_until(lambda: office.state(number) is MailState.FAILED)
    assert office.post.delivered[-1].envelope.recipients == ("bob@example.com",)
    reason = "ann@example.com: refused in an earlier try"
    assert office.facts(number).refused == reason
    wait_until(lambda: f"mail {number} is given up: {reason}" in caplog.text)
    assert office.mails.retry(number, now)
    office.sender.wake()
    wait_until(lambda: office.state(number) is MailState.SENT)
    assert office.post.delivered[-1].envelope.recipients == ("ann@example.com",)


def test_mail_system_that_is_away_holds_up_all_in_their_order(
    office: Office,
    wait_until: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    status = StatusRegistry()
    office.sender.report_to(status)
    office.post.outcomes = [RouteDown("Connection refused")] * 3
    first, second = office.add(), office.add()
    office.clock.step(7)
    assert status.problems() == {}
    assert status.counters()["mail.waiting"] == 2
    assert status.counters()["mail.oldest_seconds"] == 7
    down = "mails wait for mail.example:587: Connection refused"
    seen: list[dict[str, str]] = []
    office.post.deliver = _watched(office.post, lambda: seen.append(status.problems()))  # type: ignore[method-assign]
    office.sender.start()
    wait_until(lambda: office.state(second) is MailState.SENT)
    numbers = [mail.number for mail in office.post.delivered]
    assert numbers == [first, first, first, first, second]
    assert seen[3] == {"mail": down}
    assert status.vital_problems() == status.problems() == {}
    wait_until(lambda: status.counters()["mail.sent"] == 2)
    assert status.counters()["mail.oldest_seconds"] == 0
    # Once, not for each try.
    assert caplog.text.count(down) == 1
    assert "mail.example:587 takes mail again" in caplog.text


def _watched(post: Post, watch: Callable[[], None]) -> Callable[..., Outcome]:
    deliver = post.deliver

    def watched(mail: OutgoingMail) -> Outcome:
        watch()
        return deliver(mail)

    return watched


@pytest.mark.parametrize(
    "outcome",
    [RouteDown("gone"), Outcome(deferred={"ann@example.com": "451 later"})],
    ids=["down", "deferred"],
)
def test_mail_is_given_up_after_days(
    office: Office, wait_until: Callable[..., Any], outcome: Any
) -> None:
    status = StatusRegistry()
    office.sender.report_to(status)
    office.post.outcomes = [outcome]
    number = office.add()
    office.clock.step(MAIL_PATIENCE_SECONDS)
    office.sender.start()
    wait_until(lambda: office.state(number) is MailState.FAILED)
    wait_until(lambda: status.counters()["mail.failed"] == 1)
    assert "ann@example.com" in office.facts(number).recipients


def test_mail_in_hand_of_a_process_that_died_leaves_after_the_next_start(
    office: Office, wait_until: Callable[..., Any]
) -> None:
    number = office.add()
    assert office.mails.take(office.clock.time(), office.clock.time() + 900)
    office.sender.start()
    wait_until(lambda: office.state(number) is MailState.SENT)
    assert office.post.delivered[0].tries == 2


def test_store_that_refuses_is_asked_again(
    office: Office, wait_until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_sender, "_AFTER_ERROR_SECONDS", 0.01)
    number = office.add()
    office.disk.refusal = StorageError("the disk is full")
    office.sender.start()
    office.disk.refusal = None
    office.sender.wake()
    wait_until(lambda: office.state(number) is MailState.SENT)


def test_fault_of_a_delivery_ends_no_other(
    office: Office, wait_until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    office.post.outcomes = [ZeroDivisionError()]
    first = office.add()
    second = office.add()
    office.sender.start()
    wait_until(lambda: office.state(second) is MailState.SENT)
    assert office.state(first) is MailState.WAITING
    assert "ZeroDivisionError" in office.facts(first).trouble
    office.clock.step(mail_sender.FIRST_RETRY_SECONDS)
    office.sender.wake()
    wait_until(lambda: office.state(first) is MailState.SENT)


def test_mail_whose_delivery_always_fails_is_given_up(
    office: Office, wait_until: Callable[..., Any]
) -> None:
    office.post.outcomes = [ZeroDivisionError()]
    office.clock.step(1)
    number = office.add()
    office.clock.step(MAIL_PATIENCE_SECONDS)
    office.sender.start()
    wait_until(lambda: office.state(number) is MailState.FAILED)


def test_what_became_of_a_mail_is_written_when_the_store_is_back(
    office: Office, wait_until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_sender, "_AFTER_ERROR_SECONDS", 0.01)
    refused: list[OutgoingMail] = []
    settle = office.mails.settle

    def settle_later(mail: OutgoingMail, *args: Any, **named: Any) -> None:
        if len(refused) < 3:
            refused.append(mail)
            raise StorageError("the disk is full")
        settle(mail, *args, **named)

    monkeypatch.setattr(office.mails, "settle", settle_later)
    number = office.add()
    office.sender.start()
    wait_until(lambda: office.state(number) is MailState.SENT)
    assert len(refused) == 3
    assert len(office.post.delivered) == 1
