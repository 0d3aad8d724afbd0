"""The contract of mails; every back end passes these."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from channelshim.contracts.mails import (
    MAIL_PATIENCE_SECONDS,
    Envelope,
    MailCounts,
    MailState,
)
from channelshim.errors import StorageError
from channelshim.store import mail_rows

NOW = 1_700_000_000.0
TO_TWO = Envelope("app@example.com", ("ann@example.com", "bj\u00f6rn@example.com"))


@pytest.fixture
def mails(open_store: Any) -> Any:
    return open_store().mails


def test_mail_that_is_kept_is_never_taken(mails: Any) -> None:
    number = mails.add(b"kept \0\xff", NOW)
    assert mails.take(NOW, NOW + 10) is None
    (facts,) = mails.facts()
    assert (facts.number, facts.added_at, facts.size) == (number, NOW, 7)
    assert (facts.state, facts.recipients, facts.tries) == (MailState.KEPT, (), 0)
    assert mails.read(number) == b"kept \0\xff"
    assert mails.read(number, 4) == b"kept"
    assert mails.read(number + 1) is None
    assert mails.counts() == MailCounts()


def test_mail_is_taken_by_one_until_its_time_is_over(mails: Any) -> None:
    number = mails.add(b"data", NOW, TO_TWO)
    assert mails.counts() == MailCounts(1, 0, NOW, NOW)
    assert mails.take(NOW - 1, NOW + 10) is None
    mail = mails.take(NOW, NOW + 10)
    assert (mail.number, mail.envelope, mail.tries) == (number, TO_TWO, 1)
    assert (mail.refused, mail.data) == ("", b"data")
    assert mail.gives_up_at == NOW + MAIL_PATIENCE_SECONDS
    assert mails.take(NOW + 9, NOW + 20) is None
    again = mails.take(NOW + 10, NOW + 20)
    assert (again.number, again.tries) == (number, 2)
    # Whoever had it first has lost it.
    mails.settle(mail, MailState.SENT)
    assert mails.facts()[0].state is MailState.WAITING
    mails.settle(again, MailState.SENT)
    assert mails.facts()[0].state is MailState.SENT
    mails.settle(again, MailState.WAITING)
    assert mails.facts()[0].state is MailState.SENT


def test_mails_are_taken_in_the_order_in_which_they_are_due(mails: Any) -> None:
    first = mails.add(b"1", NOW, TO_TWO)
    second = mails.add(b"2", NOW, TO_TWO)
    early = mails.add(b"3", NOW - 1, TO_TWO)
    taken = [mails.take(NOW, NOW + 10).number for _ in range(3)]
    assert taken == [early, first, second]


def test_mail_waits_for_its_next_try_with_those_who_lack_it(mails: Any) -> None:
    mails.add(b"data", NOW, TO_TWO)
    mail = mails.take(NOW, NOW + 10)
    mails.settle(
        mail,
        MailState.WAITING,
        recipients=["ann@example.com"],
        due_at=NOW + 60,
        refused="bj\u00f6rn@example.com: 550 no",
        trouble="ann@example.com: 451 later",
    )
    (facts,) = mails.facts()
    assert facts.recipients == ("ann@example.com",)
    assert facts.due_at == NOW + 60
    assert facts.refused == "bj\u00f6rn@example.com: 550 no"
    assert facts.trouble == "ann@example.com: 451 later"
    assert mails.take(NOW + 59, NOW + 99) is None
    mail = mails.take(NOW + 60, NOW + 99)
    assert mail.envelope.recipients == ("ann@example.com",)
    assert mail.refused == "bj\u00f6rn@example.com: 550 no"
    mails.settle(mail, MailState.FAILED, trouble="x" * 100_000)
    assert len(mails.facts()[0].trouble) == mail_rows.LONGEST_REASON
    assert mails.counts() == MailCounts(0, 1)


def test_what_a_server_had_taken_is_due_after_its_restart(open_store: Any) -> None:
    before = open_store().mails
    before.add(b"data", NOW, TO_TWO)
    assert before.take(NOW, NOW + 1000) is not None
    mails = open_store().mails
    assert mails.take(NOW, NOW + 1000) is None
    mails.release()
    assert mails.take(NOW, NOW + 1000).tries == 2


def test_mail_is_tried_again_by_hand(mails: Any) -> None:
    number = mails.add(b"data", NOW, TO_TWO)
    mail = mails.take(NOW, NOW + 10)
    # Somebody sends it.
    assert not mails.retry(number, NOW)
    mails.settle(mail, MailState.FAILED, recipients=["ann@example.com"], refused="x")
    assert mails.retry(number, NOW + 5)
    mail = mails.take(NOW + 5, NOW + 10)
    assert mail.envelope.recipients == ("ann@example.com",)
    assert mail.gives_up_at == NOW + 5 + MAIL_PATIENCE_SECONDS
    mails.settle(mail, MailState.SENT)
    assert not mails.retry(number, NOW + 5)
    assert not mails.retry(mails.add(b"kept", NOW), NOW)
    assert not mails.retry(number + 100, NOW)


def test_mail_is_deleted_and_its_number_is_not_used_again(mails: Any) -> None:
    number = mails.add(b"data", NOW, TO_TWO)
    assert mails.delete(number)
    assert not mails.delete(number)
    assert mails.facts() == []
    assert mails.add(b"data", NOW) > number


def test_latest_of_each_state_are_kept_and_all_that_wait(
    mails: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_rows, "MAILS_KEPT", 2)
    kept = [mails.add(b"", NOW) for _ in range(4)]
    waiting = [mails.add(b"", NOW, TO_TWO) for _ in range(7)]
    for state in (MailState.SENT, MailState.FAILED):
        for _ in range(3):
            mails.settle(mails.take(NOW, NOW + 1), state)
    left = {facts.number for facts in mails.facts()}
    assert left == {*kept[2:], *waiting[1:3], *waiting[4:]}
    assert [facts.number for facts in mails.facts()] == sorted(left, reverse=True)


@pytest.mark.parametrize(("mails_most", "bytes_most"), [(2, 1000), (100, 8)])
def test_what_waits_is_bounded(
    mails: Any, monkeypatch: pytest.MonkeyPatch, mails_most: int, bytes_most: int
) -> None:
    monkeypatch.setattr(mail_rows, "MAILS_WAITING", mails_most)
    monkeypatch.setattr(mail_rows, "MAIL_BYTES_WAITING", bytes_most)
    mails.add(b"1234", NOW, TO_TWO)
    mails.add(b"1234", NOW, TO_TWO)
    with pytest.raises(StorageError, match="2 mails wait to be sent"):
        mails.add(b"1234", NOW, TO_TWO)
    # One that is to stay is no mail that waits.
    mails.add(b"1234", NOW)
    mails.settle(mails.take(NOW, NOW + 1), MailState.SENT)
    mails.add(b"1234", NOW, TO_TWO)


def test_servers_that_take_at_once_never_have_the_same(open_engine: Any) -> None:
    stores = [open_engine().mails for _ in range(3)]
    for _ in range(30):
        stores[0].add(b"data", NOW, TO_TWO)
    taken: list[int] = []

    def take(mails: Any) -> None:
        while (mail := mails.take(NOW, NOW + 1000)) is not None:
            taken.append(mail.number)

    threads = [threading.Thread(target=take, args=(mails,)) for mails in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 30


def test_mail_that_nobody_lacks_any_more_is_not_tried_again(mails: Any) -> None:
    number = mails.add(b"data", NOW, TO_TWO)
    mails.settle(mails.take(NOW, NOW + 10), MailState.FAILED, refused="ann: 550 no")
    assert not mails.retry(number, NOW)
    assert mails.facts()[0].state is MailState.FAILED
    other = mails.add(b"data", NOW, TO_TWO)
    left = TO_TWO.recipients[:1]
    mails.settle(mails.take(NOW, NOW + 10), MailState.FAILED, recipients=left)
    assert mails.retry(other, NOW)
    assert mails.take(NOW, NOW + 10).envelope.recipients == left


@pytest.mark.parametrize("state", [MailState.WAITING, MailState.FAILED])
def test_who_was_given_up_gets_it_at_a_try_by_hand_alone(
    mails: Any, state: MailState
) -> None:
    number = mails.add(b"data", NOW, TO_TWO)
    ann, bjorn = TO_TWO.recipients
    first = mails.take(NOW, NOW + 10)
    assert first.given_up == ()
    mails.settle(first, MailState.WAITING, recipients=[bjorn], given_up=[ann])
    again = mails.take(NOW, NOW + 10)
    assert (again.envelope.recipients, again.given_up) == ((bjorn,), (ann,))
    mails.settle(again, state, given_up=again.given_up, due_at=NOW + 99)
    assert mails.retry(number, NOW)
    by_hand = mails.take(NOW, NOW + 10)
    assert (by_hand.envelope.recipients, by_hand.given_up) == ((ann,), ())
    mails.settle(by_hand, state, recipients=[bjorn], given_up=[ann], due_at=NOW + 99)
    assert mails.retry(number, NOW)
    assert mails.take(NOW, NOW + 10).envelope.recipients == TO_TWO.recipients
