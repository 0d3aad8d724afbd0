"""The store as a person's settings say."""

from __future__ import annotations

import logging
import sqlite3
import sys

import pytest

from channelshim.contracts.entities import EntityKey, Write
from channelshim.contracts.identity import User
from channelshim.contracts.ordering import encode_path
from channelshim.contracts.store import Account
from channelshim.errors import ConfigurationError
from channelshim.store.descriptions import describe
from channelshim.store.sqlite import database as database_module
from channelshim.store.sqlite.opening import open_store

KEY = EntityKey("", "A", encode_path([("A", 1)]))


@pytest.mark.parametrize(("word", "number"), [("normal", 1), ("FULL", 2)])
def test_synchronous_reaches_sqlite(tmp_path, word, number):
    store = open_store(tmp_path, synchronous=word)
    connection = store.database.connection()
    assert connection.execute("PRAGMA synchronous").fetchone() == (number,)
    store.close()


def test_a_connection_is_closed_when_the_module_has_lost_its_names(
    tmp_path, monkeypatch
):
    store = open_store(tmp_path)
    connection = store.database.connection()
    monkeypatch.setattr(database_module, "os", None)
    with monkeypatch.context() as patch:
        failures = []
        patch.setattr(sys, "unraisablehook", failures.append)
        del store.database._local.held
    assert failures == []
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_other_word_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="normal or full"):
        open_store(tmp_path, synchronous="off")


def test_clearing_says_what_it_clears_and_keeps_the_rest(tmp_path, caplog):
    store = open_store(tmp_path)
    account = Account(User("ann@example.com", False, "1" * 21), 1.0)
    store.accounts.remember(account)
    secrets = store.secrets.get("token")
    store.entities.apply([Write(KEY, b"body")])
    store.close()
    with caplog.at_level(logging.WARNING):
        store = open_store(tmp_path, is_cleared=True)
    assert "clearing 1 entity (A 1)" in caplog.text
    assert store.entities.summary() == {}
    assert store.accounts.all() == [account]
    assert store.secrets.get("token") == secrets
    store.close()


def test_clearing_deletes_the_files_of_blobs(tmp_path, caplog):
    open_store(tmp_path).close()
    (tmp_path / "blobs" / "dev~app" / "G").mkdir(parents=True)
    (tmp_path / "blobs" / "dev~app" / "G" / "Gkey").write_bytes(b"blob")
    (tmp_path / "mail").mkdir()
    open_store(tmp_path, is_cleared=True).close()
    assert "clearing 0 entities (none) and 1 file of blobs" in caplog.text
    assert not (tmp_path / "blobs").exists()
    assert (tmp_path / "mail").exists()


def test_clearing_of_nothing_says_nothing(tmp_path, caplog):
    open_store(tmp_path, is_cleared=True).close()
    open_store(tmp_path, is_cleared=True).close()
    assert caplog.text == ""


def test_blobs_outside_the_store_are_left_alone(tmp_path, caplog):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_bytes(b"blob")
    open_store(tmp_path / "store").close()
    (tmp_path / "store" / "blobs").symlink_to(tmp_path / "elsewhere")
    open_store(tmp_path / "store", is_cleared=True).close()
    assert (tmp_path / "elsewhere" / "file").exists()


def test_summary_in_words():
    assert describe({}) == "0 entities (none)"
    assert describe({("n", "B"): 2, ("", "A"): 1}) == "3 entities (A 1, B 2 in 'n')"
