"""Whatever is wrong in the file, the store answers, or says in a sentence why not.

No other exception, and no loop without an end: it would hold the lock of all writers.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from channelshim.contracts.cache import Entry
from channelshim.contracts.entities import EntityKey, Write
from channelshim.contracts.identity import User
from channelshim.contracts.ordering import encode_path
from channelshim.contracts.store import Account
from channelshim.contracts.tasks import PullTask, Task
from channelshim.errors import ChannelShimError, StorageError
from channelshim.store.sqlite.database import FILE_NAME
from channelshim.store.sqlite.state import SqliteStore
from tests import exploring

ROWS = 60

SCHEMA_BYTES = 3 * 4096
"""What comes before is the schema, whose damage is a sentence at the start."""

NOW = time.time()


def key_of(number: int) -> EntityKey:
    return EntityKey("", "Kind", encode_path([("Kind", number)]))


def open_store(folder: Path) -> SqliteStore:
    return SqliteStore(folder, lambda body: {}, clock=lambda: NOW)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the file of a store with something in every table."""
    folder = tmp_path_factory.mktemp("whole")
    store = open_store(folder)
    numbers = range(1, ROWS + 1)
    store.tasks.add(
        [
            Task("default", f"n{n}", NOW, "POST", f"/p{n}", (("A", "b"),), b"body")
            for n in numbers
        ],
        NOW,
    )
    store.tasks.add(
        [PullTask("pull", f"p{n}", int(NOW * 1e6), b"body", b"tag") for n in numbers],
        NOW,
    )
    store.tasks.delete("default", ["n1"], NOW)
    for n in numbers:
        store.accounts.remember(Account(User(f"a{n}@b.c", False, str(n)), NOW))
        store.entities.apply([Write(key_of(n), b"body" * 20, {})], {})
    store.journal.note([f"client {n}" for n in numbers], [])
    store.secrets.get("tokens")
    with store.cache.write() as view:
        for n in numbers:
            view.set("", b"name %d" % n, Entry(b"value" * 9, 0, 0, None, False, NOW))
    store.save_windows(b"{}")
    store.close()
    connection = sqlite3.connect(folder / FILE_NAME)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return (folder / FILE_NAME).read_bytes()


def damage(data: bytearray, chance: random.Random) -> None:
    places = range(SCHEMA_BYTES, len(data))
    how = chance.randrange(3)
    if how == 0:
        for _ in range(chance.choice([10, 60, 600])):
            data[chance.choice(places)] = chance.randrange(256)
    elif how == 1:
        for _ in range(5):
            at = chance.choice(places)
            data[at : at + 200] = chance.randbytes(len(data[at : at + 200]))
    else:
        # Texts that are no texts any more.
        letters = [at for at in places if 97 <= data[at] <= 122]
        for at in chance.sample(letters, 40):
            data[at] = chance.randrange(128, 256)


def uses(store: SqliteStore) -> Iterator[Callable[[], Any]]:
    """Yield calls of everything that reads, and of what changes it."""
    yield lambda: store.journal.connected_client_ids()
    yield store.load_windows
    yield lambda: store.save_windows(None)
    yield lambda: store.secrets.get("tokens")
    yield lambda: store.secrets.rotate("tokens")
    yield store.accounts.all
    yield lambda: store.accounts.remember(Account(User("n@b.c", True, "1"), NOW))
    yield lambda: store.tasks.next_eta("main")
    yield lambda: store.tasks.statistics("default", NOW)
    yield lambda: store.tasks.add([Task("default", "new", NOW, "GET", "/")], NOW)
    yield lambda: end_tasks(store)
    yield lambda: store.tasks.renew("main", NOW + 60)
    yield lambda: store.tasks.release("main")
    yield lambda: store.pull_tasks.lease("pull", NOW, 60, ROWS, is_grouped=True)
    yield lambda: store.pull_tasks.statistics("pull", NOW)
    yield lambda: store.pull_tasks.delete("pull", ["p1"], NOW)
    yield lambda: read_entities(store)
    yield lambda: store.entities.apply([Write(key_of(1), b"new", {})], {})
    yield lambda: store.entities.allocate("counter", 5)
    yield lambda: use_cache(store)
    yield lambda: store.tasks.purge("default")
    yield store.entities.clear


def end_tasks(store: SqliteStore) -> None:
    for _ in range(5):
        for number, task in enumerate(
            store.tasks.take("main", NOW + 1, limit=9, lease_seconds=60)
        ):
            if number % 2:
                store.tasks.finish(task, NOW)
            else:
                store.tasks.give_back(task, NOW + 1)


def read_entities(store: SqliteStore) -> None:
    store.entities.summary()
    with store.entities.read() as snapshot:
        for number in range(1, ROWS + 1):
            snapshot.get(key_of(number))
            snapshot.group_version(key_of(number).group)


def use_cache(store: SqliteStore) -> None:
    with store.cache.read() as view:
        for number in range(1, ROWS + 1):
            entry = view.get("", b"name %d" % number)
            assert entry is None or isinstance(entry.value, bytes)
        view.statistics()
    with store.cache.write() as changed:
        changed.set("", b"new", Entry(b"value", 0, 0, None, False, NOW))
        changed.shrink(100)
        assert changed.total_bytes() <= 100


def try_damaged(whole: bytes, folder: Path, seed: object) -> None:
    data = bytearray(whole)
    damage(data, random.Random(repr(seed)))
    folder.mkdir()
    (folder / FILE_NAME).write_bytes(data)
    try:
        store = open_store(folder)
    except ChannelShimError:
        return
    for use in uses(store):
        with contextlib.suppress(ChannelShimError):
            use()
    store.close()


@pytest.mark.parametrize("seed", range(12))
def test_damaged_rows_are_a_sentence_or_left_out(
    whole: bytes, tmp_path: Path, seed: int
) -> None:
    try_damaged(whole, tmp_path / "damaged", seed)


@pytest.mark.explore
def test_more_damaged_rows(whole: bytes, tmp_path: Path) -> None:
    for number in range(300):
        try_damaged(whole, tmp_path / str(number), (exploring.seed(), number))


@pytest.mark.parametrize(
    ("column", "value"),
    [("next", "many"), ("next", 1 << 60), ("next", b"\xff"), ("next", -5)],
)
def test_damaged_sum_of_the_cache_ends_no_shrink(
    whole: bytes, tmp_path: Path, column: str, value: object
) -> None:
    (tmp_path / FILE_NAME).write_bytes(whole)
    store = open_store(tmp_path)
    with store.database.write() as connection:
        connection.execute(
            f"UPDATE counter SET {column} = ? WHERE name = 'cache_bytes'", (value,)
        )
    use_cache(store)
    store.close()


@pytest.mark.parametrize("value", ["late", b"\xff", 1e400])
def test_damaged_times_of_the_cache_end_no_shrink(
    whole: bytes, tmp_path: Path, value: object
) -> None:
    (tmp_path / FILE_NAME).write_bytes(whole)
    store = open_store(tmp_path)
    with store.database.write() as connection:
        connection.execute("UPDATE cache SET written_at = ?", (value,))
    use_cache(store)
    store.close()


@pytest.mark.parametrize("definition", [b"\xff", "", "[", "5", "[[]]", "[" * 100_000])
def test_damaged_catalogue_is_a_sentence(
    whole: bytes, tmp_path: Path, definition: object
) -> None:
    (tmp_path / FILE_NAME).write_bytes(whole)
    store = open_store(tmp_path)
    with store.database.write() as connection:
        connection.execute("UPDATE counter SET next = next + 1 WHERE name <> 'x'")
        connection.execute(
            "INSERT INTO index_definition VALUES (99, 1, CAST(? AS TEXT), 0, 1)",
            (definition,),
        )
    with pytest.raises(StorageError):
        store.entities.apply([Write(key_of(1), b"new", {})], {})
    store.close()
