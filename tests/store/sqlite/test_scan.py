"""Ranges of rows, against the same done with lists."""

from __future__ import annotations

import itertools

import pytest

from channelshim.contracts.scan import Position, Scan
from channelshim.store.sqlite import scan
from channelshim.store.sqlite.database import Database

ROWS = [
    (value, path) for value in (b"a", b"b", b"c") for path in (b"1", b"2", b"3", b"4")
]


@pytest.fixture
def connection(tmp_path):
    database = Database(tmp_path)
    with database.write() as connection:
        connection.executemany(
            "INSERT INTO entity VALUES (?, 1, ?, ?, ?)",
            [(n, b"%d" % n, n * 10, b"body") for n in range(1, 5)],
        )
        connection.executemany(
            "INSERT INTO index_row VALUES (7, ?, ?, ?)",
            [(value, path, int(path)) for value, path in ROWS],
        )
        connection.execute("INSERT INTO index_row VALUES (8, x'00', '2', 2)")
        connection.execute("INSERT INTO index_row VALUES (8, x'00', ?, 4)", (b"4",))
    yield database.connection()
    database.close()


def read(connection, whole, **options):
    found = scan.rows(connection, whole, wants_bodies=False, **options)
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
def test_windows_of_a_range(connection, is_descending, is_path_descending, is_before):
    places = [None, *(Position(v, p, is_before) for v, p in ROWS[::3])]
    for after, until in itertools.product(places, places):
        whole = Scan(
            1,
            7,
            b"a",
            b"c\x00",
            is_descending=is_descending,
            path_low=b"1",
            path_high=b"4",
            is_path_descending=is_path_descending,
            after=after,
            until=until,
        )
        assert read(connection, whole) == expected(whole)
        assert scan.count(connection, whole, -1) == len(expected(whole))


def test_equal_codes_come_by_key(connection):
    whole = Scan(1, 7, b"b", is_path_descending=True, after=Position(b"", b"3", True))
    assert read(connection, whole) == [(b"b", b"3"), (b"b", b"2"), (b"b", b"1")]


def test_keys_of_a_kind(connection):
    whole = Scan(1, path_low=b"2", until=Position(b"", b"4", True))
    assert [row[1] for row in read(connection, whole)] == [b"2", b"3"]
    assert scan.count(connection, whole, 1) == 1
    bodies = scan.rows(connection, whole, wants_bodies=True)
    assert [row[2:] for row in bodies] == [(20, b"body"), (30, b"body")]


def test_bodies_come_along(connection):
    found = scan.rows(connection, Scan(1, 7, b"a"), wants_bodies=True, limit=1)
    assert list(found) == [(b"a", b"1", 10, b"body")]


def test_limit_and_offset(connection):
    whole = Scan(1, 7, b"a", b"c")
    assert read(connection, whole, limit=2, offset=3) == ROWS[3:5]


def test_probes_look_into_other_indexes(connection):
    whole = Scan(1, 7, b"a", probes=((8, b"\x00"),))
    assert read(connection, whole) == [(b"a", b"4")]
    assert scan.count(connection, whole, 10) == 1


@pytest.mark.parametrize("is_descending", [False, True])
def test_ranges_are_walked_in_the_index_and_not_sorted(connection, is_descending):
    steps = []
    connection.set_trace_callback(steps.append)
    read(connection, Scan(1, 7, b"a", b"c", is_descending=is_descending), limit=1)
    connection.set_trace_callback(None)
    (statement,) = steps
    plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    told = " ".join(str(row[3]) for row in plan)
    assert "SEARCH i USING PRIMARY KEY" in told
    assert "TEMP B-TREE FOR ORDER BY" not in told
