"""Every test here needs a PostgreSQL server."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.store.backends import (
    give_back_schema,
    open_postgres,
    shared_server,
    take_schema,
)

HERE = Path(__file__).resolve().parent

# The fast lanes on other Pythons have no driver, and leave this lane out anyway.
collect_ignore_glob = [] if importlib.util.find_spec("psycopg") else ["test_*.py"]


def pytest_collection_modifyitems(items):
    """Put all in the lane."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker("postgres")


@pytest.fixture
def server():
    """Return the server that the tests of this process share."""
    return shared_server()


@pytest.fixture
def schema():
    """Return a schema that is this test's alone."""
    name = take_schema()
    yield name
    give_back_schema(name)


@pytest.fixture
def open_store(schema):
    """Return a function that opens the test's store once more."""
    opened = []

    def open_one(*arguments, **options):
        opened.append(open_postgres(schema, *arguments, **options))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()
