"""The back ends that every test of the store's contract runs over.

The conftest.py of a folder imports the fixture to have it.
"""

from __future__ import annotations

from typing import Any

import pytest

from channelshim.store.sqlite.state import SqliteStore
from tests.store.dict_store import DictStore, Disk

BACKENDS = ("sqlite", "dict")


@pytest.fixture(params=BACKENDS)
def open_store(request, tmp_path):
    """Return a function that opens the test's one store, beside what is open already.

    Its arguments are those that all back ends have: values_of, clock, cache_bytes.
    """
    opened = []
    disk = Disk()

    def open_one(*arguments, **options):
        if request.param == "sqlite":
            folder = tmp_path / "store"
            store: Any = SqliteStore(folder, *arguments, takes_lease=False, **options)
        else:
            store = DictStore(disk, *arguments, **options)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()
