"""Several processes that share channels and presence through one Redis."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from channelshim.broker.redis.shard import ATTACHES
from channelshim.contracts.presence import Change
from channelshim.errors import BrokerError
from tests.broker.redis.conftest import Fronts
from tests.lanes import timeout_factor

pytestmark = pytest.mark.redis


def test_text_of_one_process_reaches_pages_of_all(fronts: Fronts) -> None:
    first, second, third = fronts(), fronts(), fronts()
    for front in (first, second):
        front.open_page("a")
    second.open_page("b")
    fronts.run_until(lambda: second.numbers.keys() == {"a", "b"} and first.numbers)
    texts = [f"text {number}" for number in range(600)]
    for text in texts:
        third.broker.publish("a", text)
        third.broker.publish("b", text)
    fronts.run_until(lambda: len(second.got["b"]) >= 600 and len(first.got["a"]) >= 600)
    fronts.settle()
    assert first.got == {"a": texts}
    assert second.got == {"a": texts, "b": texts}


def test_order_is_one_for_all_pages_however_processes_send(fronts: Fronts) -> None:
    first, second = fronts(), fronts()
    for front in (first, second):
        front.open_page("a")
    fronts.run_until(lambda: first.numbers and second.numbers)

    def send(front: object, name: str) -> None:
        for number in range(300):
            front.broker.publish("a", f"{name}{number}")  # type: ignore[attr-defined]

    threads = [
        threading.Thread(target=send, args=(front, name))
        for front, name in ((first, "x"), (second, "y"), (first, "z"))
    ]
    for thread in threads:
        thread.start()
    fronts.run_until(lambda: len(first.got["a"]) >= 900 and len(second.got["a"]) >= 900)
    for thread in threads:
        thread.join()
    assert first.got == second.got
    for name in "xyz":
        own = [text for text in first.got["a"] if text.startswith(name)]
        assert own == [f"{name}{number}" for number in range(300)]


def test_page_resumes_in_another_process_while_messages_come(fronts: Fronts) -> None:
    first, second, sender = fronts(), fronts(), fronts()
    first.open_page("a")
    fronts.run_until(lambda: first.numbers)
    sent = []
    for number in range(400):
        sent.append(f"t{number}")
        sender.broker.publish("a", sent[-1])
        if number == 200:
            fronts.run_until(lambda: len(first.got["a"]) > 20)
            seen = list(first.got["a"])
            at = first.numbers["a"]
            second.open_page("a", after=at)
            first.close_page("a")
    fronts.run_until(lambda: len(seen) + len(second.got.get("a", ())) >= 400)
    assert seen + second.got["a"] == sent
    assert not second.gaps


def test_app_is_told_once_by_one_process(fronts: Fronts) -> None:
    first, second = fronts(), fronts()
    first.open_page("a")
    fronts.run_until(lambda: first.told)
    second.open_page("a")
    fronts.run_until(lambda: second.numbers)
    first.close_page("a")
    fronts.settle()
    assert (first.told, second.told) == ([("connected", "a")], [])
    second.close_page("a")
    fronts.run_until(lambda: second.told)
    assert second.told == [("disconnected", "a")]


def test_changes_while_the_app_is_being_told_are_told_afterwards(
    fronts: Fronts,
) -> None:
    first, second = fronts(), fronts()
    first.answers_told = second.answers_told = False
    first.open_page("a")
    fronts.run_until(lambda: first.told)
    # The app is slow; meanwhile the page goes, comes elsewhere, and goes for good.
    first.close_page("a")
    fronts.settle()
    second.open_page("a")
    fronts.run_until(lambda: second.numbers)
    second.close_page("a")
    fronts.settle()
    assert (first.told, second.told) == ([("connected", "a")], [])
    first.answers_told = True
    first.broker.told("a", Change.CONNECTED)
    fronts.run_until(lambda: len(first.told) == 2)
    fronts.settle()
    # What came in between has collapsed.
    assert first.told[1:] == [("disconnected", "a")]


@pytest.mark.usefixtures("short_times")
def test_ids_of_a_process_that_was_killed_are_taken_over(fronts: Fronts) -> None:
    first, second = fronts(), fronts()
    for name in ("a", "b"):
        first.open_page(name)
    fronts.run_until(lambda: len(first.told) == 2 and len(first.numbers) == 2)
    at = first.numbers["a"]
    first.die()
    second.broker.publish("a", "while away")
    fronts.run_until(lambda: len(second.adopted) == 2)
    assert sorted(second.adopted) == ["a", "b"]
    # One page comes back and lacks nothing; the other one does not.
    second.open_page("a", after=at)
    fronts.run_until(lambda: second.got)
    assert second.got == {"a": ["while away"]}
    second.close_page("b")
    fronts.run_until(lambda: second.told)
    fronts.settle()
    assert second.told == [("disconnected", "b")]
    second.broker.publish("a", "and on")
    fronts.run_until(lambda: len(second.got["a"]) == 2)


@pytest.mark.usefixtures("short_times")
def test_post_that_a_killed_process_had_in_hand_is_made_again(fronts: Fronts) -> None:
    first, second = fronts(), fronts()
    first.answers_told = False
    first.open_page("a")
    fronts.run_until(lambda: first.told)
    first.die()
    fronts.run_until(lambda: second.told)
    assert second.told == [("connected", "a")]


def test_orderly_stop_leaves_the_ids_at_once(fronts: Fronts) -> None:
    first, second = fronts(), fronts()
    first.open_page("a")
    fronts.run_until(lambda: first.numbers and not second.broker._outbox.is_away)
    first.broker.publish("a", "the last")
    first.broker.stop()
    fronts.run_until(lambda: second.adopted)
    second.open_page("a", after=first.numbers["a"])
    fronts.run_until(lambda: second.got)
    assert second.got == {"a": ["the last"]}


def test_what_the_app_was_told_at_the_very_end_is_not_told_again(
    fronts: Fronts,
) -> None:
    first, second = fronts(), fronts()
    first.answers_told = False
    first.open_page("a")
    fronts.run_until(lambda: first.told and not second.broker._outbox.is_away)
    # The loop has ended when the last POST is answered.
    first.broker.told("a", Change.CONNECTED)
    first.broker.stop()
    fronts.run_until(lambda: second.adopted)
    fronts.settle()
    assert second.told == []
    second.close_page("a")
    fronts.run_until(lambda: second.told)
    assert second.told == [("disconnected", "a")]


def test_lost_connection_costs_nothing_however_often(fronts: Fronts) -> None:
    first, second = fronts(), fronts()
    first.open_page("a")
    fronts.run_until(lambda: first.numbers)
    client = fronts.server.client()
    sent = []
    for number in range(300):
        sent.append(f"t{number}")
        second.broker.publish("a", sent[-1])
        if number % 50 == 10:
            fronts.run_until(lambda: first.got["a"])
            client.client_kill_filter(_type="normal", skipme=True)
        fronts.run_until(lambda: True)
    fronts.run_until(lambda: len(first.got["a"]) >= 300)
    fronts.settle()
    assert first.got == {"a": sent}
    assert not first.gaps
    assert first.told == [("connected", "a")]
    assert not first.losses
    client.close()


def test_end_of_a_connection_given_up_long_ago_changes_nothing(
    fronts: Fronts,
) -> None:
    front = fronts()
    front.open_page("a")
    fronts.run_until(lambda: front.numbers)
    session = front.broker._shards.all[0].session
    generation = session._generation
    fronts.server.client().client_kill_filter(_type="normal", skipme=True)
    fronts.run_until(lambda: session._generation > generation and session.is_ready)
    session._lost(generation, OSError("at last"))
    session._broken(generation, BrokerError("a message is missing"), True)
    assert session.is_ready
    assert session._is_whole
    front.broker.publish("a", "text")
    fronts.run_until(lambda: front.got["a"] == ["text"])


# --- A Redis that is away -------------------------------------------------------------


def test_messages_wait_for_a_redis_that_was_killed(own_fronts: Fronts) -> None:
    first, second = own_fronts(), own_fronts()
    for front in (first, second):
        front.open_page("a")
    own_fronts.run_until(lambda: first.numbers and second.numbers)
    first.broker.publish("a", "before")
    own_fronts.run_until(lambda: second.got["a"] and first.got["a"])
    number = first.numbers["a"]
    own_fronts.server.kill()
    own_fronts.run_until(lambda: not first.broker._shards.all[0].session.is_ready)
    safe: list[str] = []
    first.broker.publish("a", "while away")
    first.broker.when_safe(lambda: safe.append("safe"))
    own_fronts.settle()
    assert safe == []
    assert "does not answer" in first.broker._describe_trouble()
    own_fronts.server.start()
    own_fronts.run_until(lambda: safe and len(second.got["a"]) == 2)
    own_fronts.settle()
    # Redis had lost everything: numbers and windows came from the pages.
    for front in (first, second):
        assert front.got == {"a": ["before", "while away"]}
        assert front.numbers["a"] == number + 1
        assert (front.losses, front.gaps) == (0, [])
    assert [*first.told, *second.told].count(("connected", "a")) == 1
    assert first.broker._describe_trouble() == ""


@pytest.mark.usefixtures("short_times")
def test_process_that_is_cut_off_fences_itself(own_fronts: Fronts) -> None:
    front = own_fronts()
    for name in ("a", "b"):
        front.open_page(name)
    own_fronts.run_until(lambda: len(front.told) == 2 and len(front.numbers) == 2)
    at = front.numbers["a"]
    front.broker.publish("a", "seen")
    own_fronts.run_until(lambda: front.got["a"])
    own_fronts.server.pause()
    own_fronts.run_until(lambda: front.losses)
    front.open_page("a", after=at)
    own_fronts.run_until(lambda: front.failures)
    front.broker.publish("a", "kept")
    own_fronts.server.go_on()
    # Its ids are its own again, and awaited: nobody else has taken them.
    own_fronts.run_until(lambda: sorted(front.adopted) == ["a", "b"])
    front.open_page("a", after=at)
    own_fronts.run_until(lambda: len(front.got["a"]) >= 3)
    assert front.got["a"] == ["seen", "seen", "kept"]
    front.close_page("b")
    own_fronts.run_until(lambda: len(front.told) == 3)
    assert front.told[2] == ("disconnected", "b")


@pytest.mark.usefixtures("short_times")
def test_ids_of_a_fenced_process_outlive_the_loss_of_all_data(
    own_fronts: Fronts,
) -> None:
    front = own_fronts()
    for name in ("a", "b"):
        front.open_page(name)
    own_fronts.run_until(lambda: len(front.told) == 2 and len(front.numbers) == 2)
    at = front.numbers["a"]
    own_fronts.server.kill()
    own_fronts.run_until(lambda: front.losses)
    # As the hub does, once the grace of the pages that it sent away has ended.
    front.close_page("b")
    own_fronts.server.start()
    own_fronts.run_until(lambda: sorted(front.adopted) == ["a", "b"])
    front.open_page("a", after=at)
    own_fronts.run_until(lambda: front.numbers)
    front.broker.publish("a", "again")
    own_fronts.run_until(lambda: front.got["a"])
    front.close_page("b")
    own_fronts.run_until(lambda: len(front.told) == 3)
    own_fronts.settle()
    assert front.told == [
        ("connected", "a"),
        ("connected", "b"),
        ("disconnected", "b"),
    ]


def test_messages_that_wait_are_bounded(own_fronts: Fronts) -> None:
    front = own_fronts(waiting_bytes=100_000)
    front.open_page("a")
    own_fronts.run_until(lambda: front.numbers)
    own_fronts.server.kill()
    own_fronts.run_until(lambda: not front.broker._shards.all[0].session.is_ready)
    text = "x" * 1000
    sent: list[str] = []

    def send_all() -> None:
        for number in range(200):
            # Now and then one object, as apps send it.
            front.broker.publish("a", text if number % 2 else f"{text}{number}")
            sent.append("sent")

    with pytest.raises(BrokerError, match="too many messages wait"):
        send_all()
    assert 50 < len(sent) < 110
    own_fronts.server.start()
    own_fronts.run_until(lambda: len(front.got["a"]) >= len(sent))
    own_fronts.settle()
    assert len(front.got["a"]) == len(sent)
    front.broker.publish("a", "and on")
    own_fronts.run_until(lambda: front.got["a"][-1] == "and on")


def test_answer_goes_out_when_redis_stays_away(
    own_fronts: Fronts, caplog: pytest.LogCaptureFixture
) -> None:
    front = own_fronts(safe_seconds=0.5 * timeout_factor())
    own_fronts.run_until(lambda: front.broker._shards.all[0].session.is_ready)
    own_fronts.server.kill()
    safe: list[str] = []
    front.broker.publish("a", "text")
    front.broker.when_safe(lambda: safe.append("safe"))
    own_fronts.run_until(lambda: safe)
    assert "before Redis has its messages" in caplog.text
    with pytest.raises(BrokerError):
        own_fronts.expect(front, "a")


def test_data_that_was_flushed_begins_a_new_epoch(own_fronts: Fronts) -> None:
    front = own_fronts()
    front.open_page("a")
    own_fronts.run_until(lambda: front.numbers)
    own_fronts.server.client().flushall()
    front.broker.publish("a", "text")
    own_fronts.run_until(lambda: front.got["a"])
    own_fronts.settle()
    assert front.got == {"a": ["text"]}
    assert not front.gaps


@pytest.mark.parametrize("is_same", [True, False])
def test_end_that_is_still_told_is_not_the_last_word_after_a_loss_of_all_data(
    own_fronts: Fronts, is_same: bool
) -> None:
    first, second = own_fronts(), own_fronts()
    first.open_page("a")
    own_fronts.run_until(lambda: first.told)
    own_fronts.settle()
    # The app is slow to hear of the end.
    first.answers_told = False
    first.close_page("a")
    own_fronts.run_until(lambda: len(first.told) == 2)
    own_fronts.server.client().flushall()
    own_fronts.settle()
    back = first if is_same else second
    back.open_page("a")
    own_fronts.run_until(lambda: back.numbers.get("a"))
    own_fronts.settle()
    first.answers_told = True
    first.broker.told("a", Change.DISCONNECTED)
    words = [("connected", "a"), ("disconnected", "a"), ("connected", "a")]
    own_fronts.run_until(lambda: first.told == words)
    # It may have come back before the first one heard of the loss.
    assert second.told in ([], [("connected", "a")])


def test_ends_are_said_again_until_redis_has_them_all(own_fronts: Fronts) -> None:
    front = own_fronts()
    ids = [f"id{number:03}" for number in range(ATTACHES + 1)]
    front.answers_told = False
    for name in ids:
        front.open_page(name)
    own_fronts.run_until(lambda: len(front.told) == len(ids))
    (shard,) = front.broker._shards.all
    shard._telling.update(dict.fromkeys(ids, Change.DISCONNECTED))
    parts: list[list[str]] = []

    async def ask(script: str, *arguments: bytes) -> Any:
        if script == "telling":
            parts.append([each.decode() for each in arguments])
            if len(parts) == 2:
                raise ConnectionResetError
        return []

    async def rejoin(is_new_epoch: bool) -> None:
        await shard.rejoin(ask, is_kept=True, is_new_epoch=is_new_epoch)

    with pytest.raises(ConnectionResetError):
        asyncio.run(rejoin(True))
    # The epoch is known by now.
    asyncio.run(rejoin(False))
    asyncio.run(rejoin(False))
    assert [len(part) for part in parts] == [ATTACHES, 1, ATTACHES, 1]
    assert sorted(parts[2] + parts[3]) == ids


def test_scripts_that_were_flushed_are_loaded_again(own_fronts: Fronts) -> None:
    front = own_fronts()
    front.open_page("a")
    own_fronts.run_until(lambda: front.numbers)
    own_fronts.server.client().script_flush()
    front.broker.publish("a", "text")
    own_fronts.run_until(lambda: front.got["a"])
    assert front.got == {"a": ["text"]}


# --- Shards ---------------------------------------------------------------------------


def test_channels_are_spread_over_shards(fronts: Fronts) -> None:
    first, second = fronts(shards=4), fronts(shards=4)
    ids = [f"id{number}" for number in range(40)]
    for name in ids:
        first.open_page(name)
    fronts.run_until(lambda: len(first.numbers) == 40 and len(first.told) == 40)
    safe: list[str] = []
    for text in ("one", "two", "three"):
        for name in ids:
            second.broker.publish(name, text)
    second.broker.when_safe(lambda: safe.append("safe"))
    fronts.run_until(lambda: safe and all(len(first.got[n]) == 3 for n in ids))
    assert all(first.got[name] == ["one", "two", "three"] for name in ids)
    known = second.broker.known_ids("", 100)
    assert [each.client_id for each in known] == sorted(ids)
    assert second.broker.known_count == 40
    # Whoever has looked goes on sending, and nothing is sent twice.
    assert second.broker.find("id7") is not None
    second.broker.publish("id7", "four")
    fronts.run_until(lambda: len(first.got["id7"]) == 4)
    assert first.got["id7"][-1] == "four"
    assert all(shard.inbox.locals for shard in first.broker._shards.all)
