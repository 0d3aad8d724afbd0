"""All data of a store together: read as of one moment, emptied, and noted on."""

from __future__ import annotations

import pytest

from channelshim.contracts.identity import User
from channelshim.contracts.scan import Scan
from channelshim.contracts.store import Account, Password
from channelshim.contracts.tasks import PullTask, Task
from tests.store.json_entities import NOW, key, put, values_of

TASK = Task(
    queue="mail",
    name="a\0ö",
    eta=NOW + 0.25,
    method="POST",
    path="/work?a=1",
    headers=(("X-A", "1"), ("X-A", "2")),
    body=b"\0\xff",
    retry={"limit": 3.0},
    retries=2,
    first_tried_at=NOW,
)
PULLED = PullTask("pull", "b", 17, b"\0\xfe", b"\xff tag", 3)
ACCOUNT = Account(User("Ann@example.com", True, "1" * 21), NOW)
PASSWORD = Password("Ann@example.com", "$argon2id$x", NOW)


@pytest.fixture
def store(open_store):
    return open_store(values_of)


def fill(store):
    """Put one of each thing into a store."""
    store.entities.apply([put(key("A", 1), x=["1"]), put(key("B", "n", namespace="s"))])
    store.entities.reserve("sequential", 41)
    store.tasks.add([TASK, PULLED], NOW)
    store.tasks.pause("mail", is_paused=True)
    store.accounts.remember(ACCOUNT)
    store.passwords.put(PASSWORD)


def content(snapshot):
    """Return all that a snapshot has."""
    entities = snapshot.entities
    return (
        {
            kind: [row[3] for row in entities.rows(Scan(kind_id), bodies=True)]
            for kind, kind_id in entities.kinds().items()
        },
        dict(snapshot.counters()),
        list(snapshot.tasks()),
        list(snapshot.pull_tasks()),
        list(snapshot.paused()),
        list(snapshot.accounts()),
        list(snapshot.passwords()),
    )


ALL = (
    {("", "A"): [b'{"x": ["1"]}'], ("s", "B"): [b"{}"]},
    {"sequential": 42},
    [TASK],
    [PULLED],
    ["mail"],
    [ACCOUNT],
    [PASSWORD],
)


def test_all_is_read_as_of_one_moment(store):
    assert store.data.is_empty()
    fill(store)
    assert not store.data.is_empty()
    with store.data.read() as snapshot:
        assert snapshot.entities.kinds()
        store.entities.apply([put(key("A", 2))])
        store.tasks.delete("mail", [TASK.name], NOW)
        store.accounts.remember(Account(User("b@x", False, "2" * 21), NOW))
        assert content(snapshot) == ALL
    with store.data.read() as snapshot:
        assert list(snapshot.tasks()) == []
        assert len(snapshot.accounts()) == 2


def test_a_task_in_hand_is_read_too(store):
    store.tasks.add([TASK], NOW)
    (taken,) = store.tasks.take("w", NOW + 1, limit=1, lease_seconds=60)
    with store.data.read() as snapshot:
        (found,) = snapshot.tasks()
    assert found.name == taken.name


@pytest.mark.parametrize("count", [49, 50, 51, 130])
def test_many_tasks_are_read_page_by_page(store, count):
    names = [f"t{number:03}" for number in range(count)]
    tasks = [Task("q", name, NOW, "GET", "/") for name in names]
    pulled = [PullTask("p", name, 1, b"") for name in names]
    store.tasks.add([*tasks, *pulled], NOW)
    with store.data.read() as snapshot:
        assert [each.name for each in snapshot.tasks()] == names
        assert [each.name for each in snapshot.pull_tasks()] == names


def test_clearing_deletes_what_an_import_brings_and_no_more(store):
    fill(store)
    secrets = store.secrets.get("token")
    store.data.clear()
    assert store.data.is_empty()
    with store.data.read() as snapshot:
        empty = [], [], [], [], []
        assert content(snapshot) == ({}, {"sequential": 42}, *empty)
    assert store.secrets.get("token") == secrets
    # A name that was used is free, and kinds begin anew.
    store.data.clear()
    fill(store)
    with store.data.read() as snapshot:
        assert content(snapshot) == ALL


def test_a_note_of_an_import_is_kept_until_it_is_forgotten(open_store):
    store = open_store()
    assert store.unfinished_import() is None
    store.note_import(b"one")
    store.note_import(b"\0two")
    assert open_store().unfinished_import() == b"\0two"
    store.data.clear()
    assert store.unfinished_import() == b"\0two"
    store.note_import(None)
    assert open_store().unfinished_import() is None
