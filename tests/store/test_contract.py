"""The contract of the store's small parts; every back end passes these."""

from __future__ import annotations

import threading

import pytest

from channelshim.composition.status import StatusRegistry
from channelshim.contracts.identity import User
from channelshim.contracts.store import Account
from channelshim.errors import StorageError
from channelshim.protocol.tokens import client_id_text


@pytest.fixture
def opened(open_store):
    """Return a function that opens the store once more, as a restart does."""
    stores = []

    def restart():
        if stores:
            stores[-1].close()
        stores.append(open_store())
        return stores[-1]

    return restart


@pytest.fixture
def store(opened):
    return opened()


def account(email, seen_at=1.0, *, is_admin=False):
    return Account(User(email, is_admin, "1" * 21), seen_at)


def test_secret_is_made_once_and_kept(opened):
    made = opened().secrets.get("token")
    assert [len(secret) for secret in made] == [32]
    assert opened().secrets.get("token") == made


def test_purposes_have_secrets_of_their_own(store):
    assert store.secrets.get("token") != store.secrets.get("cookie")


def test_rotation_appends_the_newest_and_drops_the_oldest(store):
    first = store.secrets.get("token")[0]
    store.secrets.rotate("token")
    second = store.secrets.get("token")[1]
    assert store.secrets.get("token")[0] == first
    store.secrets.rotate("token")
    assert len(store.secrets.get("token")) == 2
    assert store.secrets.get("token")[0] == second


def test_rotation_keeps_at_least_the_newest(store):
    store.secrets.get("token")
    store.secrets.rotate("token", keep=0)
    assert len(store.secrets.get("token")) == 1


def test_rotation_before_the_first_secret_makes_one(store):
    store.secrets.rotate("token")
    assert len(store.secrets.get("token")) == 1


def test_threads_that_race_get_the_same_secret(store):
    seen = []
    threads = [
        threading.Thread(target=lambda: seen.append(tuple(store.secrets.get("token"))))
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
    store.accounts.remember(account("Ann@example.com", 1.0))
    store.accounts.remember(account("bob@example.com", 2.5, is_admin=True))
    assert opened().accounts.all() == [
        account("bob@example.com", 2.5, is_admin=True),
        account("Ann@example.com", 1.0),
    ]


def test_account_is_replaced_by_its_email(store):
    store.accounts.remember(account("ann@example.com", 1.0, is_admin=True))
    store.accounts.remember(account("ann@example.com", 2.0))
    assert store.accounts.all() == [account("ann@example.com", 2.0)]


def test_ended_logins_outlive_a_restart_until_they_would_have_ended(opened):
    store = opened()
    store.accounts.end_login("a", 10.0, now=1.0)
    store.accounts.end_login("b", 20.0, now=2.0)
    store = opened()
    assert set(store.accounts.ended_logins()) == {"a", "b"}
    store.accounts.end_login("c", 30.0, now=10.0)
    store.accounts.end_login("c", 30.0, now=11.0)
    assert set(store.accounts.ended_logins()) == {"b", "c"}


def test_journal_says_after_a_restart_who_was_connected(opened):
    store = opened()
    store.journal.note(["a", "b", "ü"], [])
    store.journal.note(["b", "c"], ["a"])
    assert sorted(opened().journal.connected_client_ids()) == ["b", "c", "ü"]


@pytest.mark.parametrize(
    "raw", [b"\xff\x80", b"\xed\xa0\x80", b"a\0b", b"", b"\xc3\xbc"]
)
def test_presence_takes_any_bytes_for_an_id(opened, raw):
    client_id = client_id_text(raw)
    opened().journal.note([client_id, "good"], [])
    assert sorted(opened().journal.connected_client_ids()) == sorted(
        [client_id, "good"]
    )
    opened().journal.note([], [client_id])
    assert opened().journal.connected_client_ids() == ["good"]


@pytest.mark.parametrize("email", ["\ud800", "a\udcff"])
def test_text_that_cannot_be_stored_is_refused(store, email):
    with pytest.raises(StorageError):
        store.accounts.remember(account(email))
    store.accounts.remember(account("a\0b"))
    assert [each.user.email for each in store.accounts.all()] == ["a\0b"]


def test_journal_counts_an_id_in_both_lists_as_connected(store):
    store.journal.note(["a"], ["a"])
    assert store.journal.connected_client_ids() == ["a"]


def test_journal_takes_iterators(store):
    store.journal.note(iter(["a"]), iter(()))
    assert store.journal.connected_client_ids() == ["a"]


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


def test_accounts_and_ids_may_hold_any_text(opened):
    store = opened()
    store.accounts.remember(account("a\0é@example.com"))
    store.journal.note(["a\0b", "a", "\U0001f600"], [])
    store.journal.note([], ["a"])
    store = opened()
    assert [one.user.email for one in store.accounts.all()] == ["a\0é@example.com"]
    assert set(store.journal.connected_client_ids()) == {"a\0b", "\U0001f600"}


def test_store_reports_that_it_is_closed(store):
    status = StatusRegistry()
    store.report_to(status)
    assert status.problems() == {}
    store.close()
    assert "closed" in status.problems()["store"]


def test_closed_store_says_so(store):
    store.close()
    with pytest.raises(StorageError, match="closed"):
        store.accounts.all()
    with pytest.raises(StorageError, match="closed"):
        store.entities.allocate("ids", 1)
    with pytest.raises(StorageError, match="closed"), store.cache.read():
        pass
