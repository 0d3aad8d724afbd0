"""What was published becomes batches that fit, and nothing is lost or turned around."""

from __future__ import annotations

import pytest

from channelshim.broker.redis import batches
from channelshim.broker.redis.batches import Group, batches_of, groups_of, pieces_of
from tests.broker.receivers import random_lists
from tests.exploring import Cases, explored


def owed_by(groups: list[Group]) -> dict[str, list[str]]:
    owed: dict[str, list[str]] = {}
    for texts, client_ids in groups:
        for client_id in client_ids:
            owed.setdefault(client_id, []).extend(texts)
    return owed


@explored(200, 20_000)
def test_each_id_is_owed_what_it_was_sent_in_order(
    cases: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST_TEXTS", 3)
    monkeypatch.setattr(batches, "MOST_IDS", 20)
    monkeypatch.setattr(batches, "SLICE_IDS", 7)
    monkeypatch.setattr(batches, "MOST_BYTES", 40)
    chance = cases.random()
    for _ in range(cases.count):
        runs = [
            (f"text {number}", client_ids)
            for number, client_ids in enumerate(random_lists(chance))
        ]
        if chance.random() < 0.3:
            runs += [
                (f"alone {number}", [f"id{chance.randrange(9)}"])
                for number in range(chance.randint(1, 30))
            ]
        _check(runs)


def _check(runs: list[tuple[str, list[str]]]) -> None:
    sent: dict[str, list[str]] = {}
    for text, client_ids in runs:
        for client_id in client_ids:
            sent.setdefault(client_id, []).append(text)
    groups = groups_of(runs)
    assert owed_by(groups) == sent
    made = batches_of(groups)
    assert owed_by([group for batch in made for group in batch]) == sent
    for batch in made:
        ids = [client_id for _, client_ids in batch for client_id in client_ids]
        assert len(ids) == len(set(ids)), "an id stands in a batch once"
        assert sum(len(texts) for texts, _ in batch) <= batches.MOST_TEXTS
        assert len(batch) == 1 or len(ids) <= batches.MOST_IDS


def test_pieces_are_bounded_in_count_and_bytes() -> None:
    texts = tuple(str(number) for number in range(600))
    pieces = pieces_of(texts)
    assert [len(piece) for piece in pieces] == [255, 255, 90]
    long = "x" * (3 << 20)
    assert [len(piece) for piece in pieces_of((long, long, "a"))] == [1, 2]


def test_a_text_to_very_many_goes_in_slices() -> None:
    ids = [f"id{number}" for number in range(1000)]
    made = batches_of([(("text",), ids)])
    assert [len(batch[0][1]) for batch in made] == [250, 250, 250, 250]
    # Not so with a few hundred.
    assert len(batches_of([(("text",), ids[:400])])) == 1


def test_nothing_makes_no_batch() -> None:
    assert groups_of([]) == []
    assert batches_of([]) == []
