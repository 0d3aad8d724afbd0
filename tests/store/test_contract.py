"""The store contract; every back end passes these."""

from __future__ import annotations

import threading

import pytest

from channelshim.contracts.store import Account
from channelshim.errors import StorageError
from channelshim.protocol.tokens import client_id_text
from channelshim.store.sqlite.state import SqliteStore


@pytest.fixture(params=[SqliteStore])
def opened(request, tmp_path):
    """Return a function that opens the store once more, as a restart does."""
    stores = []

    def open_store():
        if stores:
            stores[-1].close()
        stores.append(request.param(tmp_path / "store"))
        return stores[-1]

    yield open_store
    stores[-1].close()


@pytest.fixture
def store(opened):
    return opened()


def account(email, seen_at=1.0, *, is_admin=False):
    return Account(email, "1" * 21, is_admin, seen_at)


def test_secret_is_made_once_and_kept(opened):
    made = opened().secrets("token")
    assert [len(secret) for secret in made] == [32]
    assert opened().secrets("token") == made


def test_purposes_have_secrets_of_their_own(store):
    assert store.secrets("token") != store.secrets("cookie")


def test_rotation_appends_the_newest_and_drops_the_oldest(store):
    first = store.secrets("token")[0]
    store.rotate_secret("token")
    second = store.secrets("token")[1]
    assert store.secrets("token")[0] == first
    store.rotate_secret("token")
    assert len(store.secrets("token")) == 2
    assert store.secrets("token")[0] == second


def test_rotation_keeps_at_least_the_newest(store):
    store.secrets("token")
    store.rotate_secret("token", keep=0)
    assert len(store.secrets("token")) == 1


def test_rotation_before_the_first_secret_makes_one(store):
    store.rotate_secret("token")
    assert len(store.secrets("token")) == 1


def test_threads_that_race_get_the_same_secret(store):
    seen = []
    threads = [
        threading.Thread(target=lambda: seen.append(tuple(store.secrets("token"))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1


def test_accounts_come_last_seen_first_and_outlive_a_restart(opened):
    store = opened()
    store.remember_account(account("Ann@example.com", 1.0))
    store.remember_account(account("bob@example.com", 2.5, is_admin=True))
    assert opened().accounts() == [
        account("bob@example.com", 2.5, is_admin=True),
        account("Ann@example.com", 1.0),
    ]


def test_account_is_replaced_by_its_email(store):
    store.remember_account(account("ann@example.com", 1.0, is_admin=True))
    store.remember_account(account("ann@example.com", 2.0))
    assert store.accounts() == [account("ann@example.com", 2.0)]


def test_journal_says_after_a_restart_who_was_connected(opened):
    store = opened()
    store.note_presence(["a", "b", "ü"], [])
    store.note_presence(["b", "c"], ["a"])
    assert sorted(opened().connected_client_ids()) == ["b", "c", "ü"]


@pytest.mark.parametrize(
    "raw", [b"\xff\x80", b"\xed\xa0\x80", b"a\0b", b"", b"\xc3\xbc"]
)
def test_presence_takes_any_bytes_for_an_id(opened, raw):
    client_id = client_id_text(raw)
    opened().note_presence([client_id, "good"], [])
    assert sorted(opened().connected_client_ids()) == sorted([client_id, "good"])
    opened().note_presence([], [client_id])
    assert opened().connected_client_ids() == ["good"]


@pytest.mark.parametrize("email", ["\ud800", "a\udcff"])
def test_text_that_cannot_be_stored_is_refused(store, email):
    with pytest.raises(StorageError):
        store.remember_account(account(email))
    store.remember_account(account("a\0b"))
    assert [each.email for each in store.accounts()] == ["a\0b"]


def test_journal_counts_an_id_in_both_lists_as_connected(store):
    store.note_presence(["a"], ["a"])
    assert store.connected_client_ids() == ["a"]


def test_journal_takes_iterators(store):
    store.note_presence(iter(["a"]), iter(()))
    assert store.connected_client_ids() == ["a"]


def test_windows_are_kept_until_forgotten(opened):
    store = opened()
    assert store.load_windows() is None
    store.save_windows(b"\x00windows")
    assert opened().load_windows() == b"\x00windows"
    store = opened()
    store.save_windows(None)
    assert store.load_windows() is None


def test_close_is_idempotent(store):
    store.close()
    store.close()
