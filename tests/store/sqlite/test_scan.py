"""How SQLite walks a range."""

from __future__ import annotations

import pytest

from channelshim.contracts.scan import Scan
from channelshim.store.sqlite import scan
from channelshim.store.sqlite.database import Database


@pytest.fixture
def connection(tmp_path):
    database = Database(tmp_path)
    yield database.connection()
    database.close()


@pytest.mark.parametrize("is_descending", [False, True])
def test_ranges_are_walked_in_the_index_and_not_sorted(connection, is_descending):
    steps = []
    connection.set_trace_callback(steps.append)
    whole = Scan(1, 7, b"a", b"c", is_descending=is_descending)
    list(scan.rows(connection, whole, bodies=False, limit=1, offset=0))
    connection.set_trace_callback(None)
    (statement,) = steps
    plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    told = " ".join(str(row[3]) for row in plan)
    assert "SEARCH i USING PRIMARY KEY" in told
    assert "TEMP B-TREE FOR ORDER BY" not in told
