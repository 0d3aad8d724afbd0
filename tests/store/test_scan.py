"""The contract of scans: ranges of rows, against the same done with lists."""

from __future__ import annotations

import itertools
import json

import pytest

from channelshim.contracts.entities import EntityKey, Write
from channelshim.contracts.index_definitions import IndexDefinition
from channelshim.contracts.ordering import encode_path
from channelshim.contracts.scan import Position, Scan

PATHS = [encode_path([("A", number)]) for number in range(1, 5)]
ONE, TWO, THREE, FOUR = PATHS
ROWS = [(value, path) for value in (b"a", b"b", b"c") for path in PATHS]


def values_of(body):
    """Bodies are JSON objects of lists of codes."""
    found = json.loads(body)
    return {name: [code.encode() for code in codes] for name, codes in found.items()}


def put(kind, path, **fields):
    body = json.dumps(fields).encode()
    return Write(EntityKey("", kind, path), body, values_of(body))


@pytest.fixture
def snapshot(open_store):
    entities = open_store(values_of, clock=lambda: 1.0).entities
    for path in PATHS:
        fields = {"q": ["z"]} if path == FOUR else {}
        entities.apply([put("A", path, p=["a", "b", "c"], **fields)])
    # Another kind's rows, under the same keys, are no rows of this one.
    entities.apply([put("Other", path, p=["a"], q=["z"]) for path in PATHS])
    snapshot = entities.open()
    yield snapshot
    snapshot.close()


def scan_of(snapshot, property_name=None, *bounds, **options):
    """Return a scan of kind A: of its keys, or of a property's index."""
    kind_id = snapshot.kind_id("", "A")
    if property_name is None:
        return Scan(kind_id, **options)
    index = snapshot.index(kind_id, IndexDefinition.single(property_name))
    return Scan(kind_id, index.id, *bounds, **options)


def read(snapshot, whole, **options):
    found = snapshot.rows(whole, bodies=False, **options)
    return [(row[0], row[1]) for row in found]


def expected(whole):
    """Return the same in plain words."""
    found = [
        (value, path)
        for value, path in ROWS
        if whole.low <= value < whole.high
        and path >= whole.path_low
        and (whole.path_high is None or path < whole.path_high)
    ]
    found.sort(key=lambda row: row[1], reverse=whole.is_path_descending)
    found.sort(key=lambda row: row[0], reverse=whole.is_descending)
    start, end = 0, len(found)
    every = sorted(
        sorted(ROWS, key=lambda row: row[1], reverse=whole.is_path_descending),
        key=lambda row: row[0],
        reverse=whole.is_descending,
    )

    def place(position):
        at = every.index((position.value, position.path))
        return at if position.is_before else at + 1

    if whole.after is not None:
        start = place(whole.after)
    end = len(every) if whole.until is None else place(whole.until)
    return [row for row in found if start <= every.index(row) < end]


@pytest.mark.parametrize("is_descending", [False, True])
@pytest.mark.parametrize("is_path_descending", [False, True])
@pytest.mark.parametrize("is_before", [False, True])
def test_windows_of_a_range(snapshot, is_descending, is_path_descending, is_before):
    places = [None, *(Position(v, p, is_before) for v, p in ROWS[::3])]
    for after, until in itertools.product(places, places):
        whole = scan_of(
            snapshot,
            "p",
            b"a",
            b"c\x00",
            is_descending=is_descending,
            path_low=ONE,
            path_high=FOUR,
            is_path_descending=is_path_descending,
            after=after,
            until=until,
        )
        assert read(snapshot, whole) == expected(whole)
        assert snapshot.count(whole, -1) == len(expected(whole))


def test_equal_codes_come_by_key(snapshot):
    whole = scan_of(
        snapshot, "p", b"b", is_path_descending=True, after=Position(b"", THREE, True)
    )
    assert read(snapshot, whole) == [(b"b", THREE), (b"b", TWO), (b"b", ONE)]


def test_keys_of_a_kind(snapshot):
    whole = scan_of(snapshot, path_low=TWO, until=Position(b"", FOUR, True))
    assert [row[1] for row in read(snapshot, whole)] == [TWO, THREE]
    assert snapshot.count(whole, 1) == 1
    kept = [snapshot.get(EntityKey("", "A", path)) for path in (TWO, THREE)]
    assert [row[2:] for row in snapshot.rows(whole, bodies=True)] == kept


def test_bodies_come_along(snapshot):
    found = snapshot.rows(scan_of(snapshot, "p", b"a"), bodies=True, limit=1)
    version, body = snapshot.get(EntityKey("", "A", ONE))
    assert list(found) == [(b"a", ONE, version, body)]


def test_limit_and_offset(snapshot):
    whole = scan_of(snapshot, "p", b"a", b"c")
    assert read(snapshot, whole, limit=2, offset=3) == ROWS[3:5]


def test_probes_look_into_other_indexes(snapshot):
    other = scan_of(snapshot, "q")
    whole = scan_of(snapshot, "p", b"a", probes=((other.index_id, b"z"),))
    assert read(snapshot, whole) == [(b"a", FOUR)]
    assert snapshot.count(whole, 10) == 1
