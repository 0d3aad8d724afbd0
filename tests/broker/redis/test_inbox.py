"""What the mailbox brings becomes deliveries, beside looking at each id alone."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from channelshim.broker.redis import inbox as inboxes
from channelshim.broker.redis.inbox import Entry, Inbox, merged
from channelshim.broker.redis.packing import IdPacker
from tests.exploring import Cases, explored

PACKER = IdPacker()


def entry(texts: Sequence[str], ids: Sequence[str], numbers: Sequence[int]) -> Entry:
    return Entry(tuple(texts), PACKER.pack(list(ids)), numbers)


@explored(300, 20_000)
def test_each_page_gets_each_text_once_and_in_order(
    cases: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inboxes, "KNOWN_LISTS", 3)
    chance = cases.random()
    for _ in range(cases.count):
        _play(chance)


def _play(chance: random.Random) -> None:
    names = [f"id{number}" for number in range(chance.choice((1, 3, 8, 30)))]
    inbox, count = Inbox(), 0
    sent: dict[str, list[str]] = {name: [] for name in names}
    got: dict[str, list[str]] = {name: [] for name in names}
    began: dict[str, int] = {}
    waiting: dict[str, tuple[inboxes.Local, int]] = {}
    for _ in range(chance.randint(3, 25)):
        act = chance.random()
        name = chance.choice(names)
        if act < 0.3 and name not in waiting:
            # Redis has done it at this point; the answer is on its way.
            waiting[name] = inbox.begin(name), len(sent[name])
        elif act < 0.5 and waiting:
            name = chance.choice(list(waiting))
            local, number = waiting.pop(name)
            inbox.answered(local, number)
            began.setdefault(name, number)
        elif act < 0.85:
            owed = names if chance.random() < 0.7 else chance.sample(names, 1)
            texts = [f"t{count + n}" for n in range(chance.choice((1, 1, 2)))]
            count += len(texts)
            for each in owed:
                sent[each] += texts
            here = [each for each in owed if each in inbox.locals]
            if here:
                inbox.put(entry(texts, here, [len(sent[each]) for each in here]))
                if chance.random() < 0.1:
                    # Read once more, after a connection that was lost.
                    inbox.put(entry(texts, here, [len(sent[each]) for each in here]))
        else:
            _collect(inbox, got)
    for name, (local, number) in waiting.items():
        inbox.answered(local, number)
        began.setdefault(name, number)
    _collect(inbox, got)
    for name, number in began.items():
        assert got[name] == sent[name][number:], name
    for name in names:
        assert name in began or not got[name]


def _collect(inbox: Inbox, got: dict[str, list[str]]) -> None:
    deliveries = inbox.collect()
    assert len({texts for texts, _ in deliveries}) == len(deliveries)
    seen: set[str] = set()
    for texts, owed in deliveries:
        for local in owed:
            assert local.client_id not in seen, "an id stands in one delivery"
            seen.add(local.client_id)
            got[local.client_id] += texts
            assert local.number == local.gate


def test_ids_with_the_same_texts_stand_in_one_delivery() -> None:
    inbox = Inbox()
    ids = [f"id{number}" for number in range(50)]
    for name in ids:
        inbox.answered(inbox.begin(name), 0)
    for number in (1, 2, 3):
        inbox.put(entry([f"t{number}"], ids, [number] * 50))
    ((texts, owed),) = inbox.collect()
    assert texts == ("t1", "t2", "t3")
    assert [local.client_id for local in owed] == ids


def test_a_number_that_was_skipped_is_handed_on() -> None:
    inbox = Inbox()
    inbox.answered(inbox.begin("a"), 10)
    inbox.put(entry(["late"], ["a"], [15]))
    ((texts, (local,)),) = inbox.collect()
    # Whoever delivers sees that 15 does not follow 10.
    assert (texts, local.number) == (("late",), 15)


def test_a_page_that_was_here_gets_what_it_missed_before_what_follows() -> None:
    inbox = Inbox()
    local = inbox.begin("a")
    inbox.answered(local, 10)
    inbox.begin("a")
    inbox.put(entry(["13"], ["a"], [13]))
    assert inbox.collect() == []
    inbox.rejoined(local, ("11", "12"), 12)
    assert inbox.collect() == [(("11", "12", "13"), [local])]


def test_an_id_that_was_taken_over_begins_where_its_mailbox_does() -> None:
    inbox = Inbox()
    assert inbox.adopt("a")
    assert not inbox.adopt("a")
    inbox.put(entry(["5"], ["a"], [5]))
    assert inbox.collect() == []
    inbox.put(entry(["6"], ["a"], [6]))
    assert inbox.collect() == [(("6",), [inbox.locals["a"]])]


def test_ids_that_left_are_passed_over() -> None:
    inbox = Inbox()
    for name in ("a", "b"):
        inbox.answered(inbox.begin(name), 0)
    inbox.drop("a")
    assert inbox.drop("a") is None
    inbox.put(entry(["1"], ["a", "b"], [1, 1]))
    assert inbox.collect() == [(("1",), [inbox.locals["b"]])]
    inbox.clear()
    assert not inbox.has_something


def test_shards_are_joined_by_their_texts() -> None:
    first, second = inboxes.Local("a"), inboxes.Local("b")
    found = merged([(("t",), [first]), (("t",), [second]), (("u",), [first])])
    assert [(texts, list(owed)) for texts, owed in found] == [
        (("t",), [first, second]),
        (("u",), [first]),
    ]
