"""What is particular to the SQLite file: lease, modes, versions, refusals."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest

from channelshim.contracts.identity import User
from channelshim.contracts.store import Account
from channelshim.errors import StorageError, StoreBusy, StoreInUse
from channelshim.store.lease import Lease
from channelshim.store.sqlite import database, schema
from channelshim.store.sqlite.accounts import SqliteAccounts
from channelshim.store.sqlite.database import FILE_NAME, Database, explain
from channelshim.store.sqlite.state import LEASE_FILE_NAME, SqliteStore
from tests.lanes import ROOT, timeout_factor

HOLD = """
import pathlib, sys
from channelshim.store.sqlite.state import SqliteStore
store = SqliteStore(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_private(tmp_path):
    directory = tmp_path / "a" / "store"
    store = SqliteStore(directory)
    store.accounts.remember(Account(User("a@example.com", False, "1"), 0.0))
    assert mode(directory) == 0o700
    files = sorted(directory.iterdir())
    assert len(files) == 4
    assert {mode(file) for file in files} == {0o600}
    store.close()


def test_logouts_are_not_forgotten_for_those_of_one_account(tmp_path):
    accounts = SqliteAccounts(Database(tmp_path), most=1)
    for number in range(3):
        accounts.end_login(str(number), 100.0 + number, now=0.0)
    assert set(accounts.ended_logins()) == {"0", "1", "2"}


def test_accounts_and_ended_logins_are_bounded(tmp_path):
    accounts = SqliteAccounts(Database(tmp_path), most=3, most_ended=3)
    for number in range(5):
        user = User(f"{number}@example.com", False, "1")
        accounts.remember(Account(user, float(number)))
        accounts.end_login(str(number), 100.0 + number, now=0.0)
    emails = [account.user.email for account in accounts.all()]
    assert emails == ["4@example.com", "3@example.com", "2@example.com"]
    assert set(accounts.ended_logins()) == {"2", "3", "4"}


def test_folder_that_is_there_keeps_its_mode(tmp_path):
    tmp_path.chmod(0o755)
    SqliteStore(tmp_path).close()
    assert mode(tmp_path) == 0o755


def test_second_process_is_refused_with_a_sentence(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreInUse) as caught:
            SqliteStore(tmp_path)
        assert caught.value.holder == holder.pid
        assert "--storage_path" in str(caught.value)
        SqliteStore(tmp_path, takes_lease=False).close()
        holder.kill()
        holder.wait()
        SqliteStore(tmp_path).close()


def test_lease_without_a_readable_holder_still_holds(tmp_path):
    store = SqliteStore(tmp_path)
    (tmp_path / LEASE_FILE_NAME).write_text("?")
    with pytest.raises(StoreInUse) as caught:
        SqliteStore(tmp_path)
    assert caught.value.holder is None
    store.close()
    SqliteStore(tmp_path).close()


def test_store_of_a_newer_version_is_refused_and_given_back(tmp_path):
    SqliteStore(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    for _ in range(2):
        with pytest.raises(StorageError, match="newer channelshim"):
            SqliteStore(tmp_path)


@pytest.mark.parametrize("version", range(1, schema.VERSION))
def test_older_version_migrates_forward_and_keeps_its_data(tmp_path, version):
    connection = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    for script in schema.MIGRATIONS[:version]:
        connection.executescript(script)
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")
    for client_id in ("a", "\xfc", "n\0ul"):
        # Text before the sixth script.
        stored = client_id if version < 6 else client_id.encode()
        connection.execute("INSERT INTO presence VALUES (?)", (stored,))
    connection.close()
    store = SqliteStore(tmp_path)
    assert store.journal.connected_client_ids() == ["a", "n\0ul", "\xfc"]
    # Kept as the new version keeps them: they can be taken out again.
    store.journal.note([], ["\xfc", "n\0ul"])
    assert store.journal.connected_client_ids() == ["a"]
    assert schema.read_version(store.database.connection()) == schema.VERSION
    store.close()


def test_mail_that_an_older_version_has_given_up_can_be_tried_again(tmp_path):
    version = schema.MIGRATIONS.index(schema._MAIL_GIVEN_UP)
    connection = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    for script in schema.MIGRATIONS[:version]:
        connection.executescript(script)
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")
    for recipients in ('["bob@example.com"]', "[]"):
        connection.execute(
            "INSERT INTO mail (added_at, state, sender, recipients, tries, due_at, "
            "gives_up_at, refused, size, data) VALUES (1, 'failed', "
            "'app@example.com', ?, 3, 2, 9, 'bob@example.com: 550 no', 4, x'64')",
            (recipients,),
        )
    connection.close()
    store = SqliteStore(tmp_path)
    # Of the other one nobody is known who lacks it.
    assert [store.mails.retry(number, 10.0) for number in (1, 2)] == [True, False]
    mail = store.mails.take(10.0, 20.0)
    assert mail is not None
    assert mail.envelope.recipients == ("bob@example.com",)
    assert (mail.number, mail.tries, mail.refused, mail.given_up) == (1, 4, "", ())
    store.close()


def test_logouts_are_found_in_an_index_and_not_sorted(tmp_path):
    store = SqliteStore(tmp_path)
    connection, steps = store.database.connection(), []
    connection.set_trace_callback(steps.append)
    store.accounts.end_login("a", 10.0, now=1.0)
    connection.set_trace_callback(None)
    deletions = [each for each in steps if each.startswith("DELETE FROM ended_login")]
    assert len(deletions) == 2
    for statement in deletions:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
        words = " ".join(str(row[3]) for row in plan)
        assert "INDEX ended_login_expires_at" in words
        assert "TEMP B-TREE" not in words
    store.close()


@pytest.mark.parametrize("statement", ["CREATE TABLE t (a)", "PRAGMA user_version = 3"])
def test_database_of_someone_else_is_left_alone(tmp_path, statement):
    path = tmp_path / FILE_NAME
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()
    with pytest.raises(StorageError, match="not a channelshim store"):
        SqliteStore(tmp_path)
    connection = sqlite3.connect(path)
    assert not connection.execute(
        "SELECT 1 FROM sqlite_master WHERE name = 'presence'"
    ).fetchone()
    connection.close()


def test_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"not a database at all" * 100)
    with pytest.raises(StorageError, match="no database"):
        SqliteStore(tmp_path)


def test_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        SqliteStore(tmp_path / "file" / "store")


def test_lease_file_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / LEASE_FILE_NAME).mkdir()
    with pytest.raises(StorageError):
        SqliteStore(tmp_path)


def test_failed_write_leaves_everything_as_it_was(tmp_path):
    store = SqliteStore(tmp_path)
    store.journal.note(["a"], [])

    def failing():
        yield "b"
        raise OSError("the source broke")

    with pytest.raises(OSError, match="the source broke"):
        store.journal.note(failing(), ["a"])
    assert store.journal.connected_client_ids() == ["a"]
    store.close()


def test_full_disk_is_told_and_corrupts_nothing(tmp_path):
    store = SqliteStore(tmp_path)
    store.journal.note(["a"], [])
    connection = store.database.connection()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StorageError, match="the disk is full"):
        store.save_windows(bytes(1 << 20))
    assert store.journal.connected_client_ids() == ["a"]
    assert store.load_windows() is None
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store.close()


def test_busy_store_is_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "STORE_BUSY_SECONDS", 0.01)
    first = Database(tmp_path)
    second = Database(tmp_path)
    with first.write(), pytest.raises(StoreBusy, match="busy"), second.write():
        pass
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("database or disk is full", "disk is full"),
        ("attempt to write a readonly database", "read-only"),
        ("unable to open database file", "cannot be opened"),
        ("disk I/O error", "disk refuses"),
        ("database disk image is malformed", "damaged"),
        ("file is not a database", "no database"),
        ("something new", "something new"),
    ],
)
def test_errors_without_a_name_are_explained(tmp_path, text, sentence):
    assert sentence in str(explain(sqlite3.OperationalError(text), tmp_path))


def test_closed_store_is_told_in_every_thread(tmp_path):
    store = SqliteStore(tmp_path)
    store.close()
    with pytest.raises(StorageError, match="closed"):
        store.accounts.all()


CLOSED_IN_THE_MIDDLE = """
import pathlib, sys, threading
from channelshim.errors import StorageError
from channelshim.store.sqlite.state import SqliteStore

store = SqliteStore(pathlib.Path(sys.argv[1]))
begun = [threading.Event() for _ in range(4)]

def write(event):
    try:
        for number in range(1_000_000):
            event.set()
            store.journal.note([str(n) for n in range(number % 50)], [])
    except StorageError:
        pass

threads = [threading.Thread(target=write, args=(event,)) for event in begun]
for thread in threads:
    thread.start()
for event in begun:
    event.wait()
store.close()
for thread in threads:
    thread.join()
"""


def test_threads_that_write_while_it_is_closed_are_told_and_nothing_crashes(tmp_path):
    for turn in range(5):
        subprocess.run(
            [sys.executable, "-c", CLOSED_IN_THE_MIDDLE, str(tmp_path / str(turn))],
            cwd=ROOT,
            check=True,
            timeout=60 * timeout_factor(),
        )


def test_threads_read_what_others_wrote(tmp_path):
    store = SqliteStore(tmp_path)
    threads = [
        threading.Thread(target=store.journal.note, args=([str(number)], []))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.journal.connected_client_ids() == [str(number) for number in range(8)]
    store.close()


def test_reads_within_a_write_see_it(tmp_path):
    store = SqliteStore(tmp_path)
    with store.database.write() as connection:
        connection.execute("INSERT INTO presence VALUES ('a')")
        assert store.journal.connected_client_ids() == ["a"]
    store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_child_opens_connections_of_its_own(tmp_path):
    store = SqliteStore(tmp_path)
    store.journal.note(["parent"], [])
    child = os.fork()
    if child == 0:
        try:
            store.journal.note(["child"], [])
            store.close()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.journal.connected_client_ids() == ["child", "parent"]
    store.journal.note([], ["child"])
    store.close()


def test_connection_closes_with_its_thread(tmp_path):
    store = SqliteStore(tmp_path)
    opened = []
    thread = threading.Thread(target=lambda: opened.append(store.database.connection()))
    thread.start()
    thread.join()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")
    store.close()


def test_connections_of_before_a_fork_are_left_alone(tmp_path, monkeypatch):
    """The fork itself is tested above; this is what its child does, seen from here."""
    store = SqliteStore(tmp_path)
    before = store.database.connection()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    borrowed = store.database.borrow()
    assert store.database.connection() is not before
    store.database.give_back(borrowed)
    monkeypatch.undo()
    assert store.database.connection() is not before
    before.execute("SELECT 1")
    store.close()


def test_closing_in_a_forked_child_closes_nothing_of_the_parents(tmp_path, monkeypatch):
    store = SqliteStore(tmp_path)
    connection = store.database.connection()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    store.close()
    monkeypatch.undo()
    connection.execute("SELECT 1")
    connection.close()


def test_thread_that_has_not_used_the_store_may_close_it(tmp_path):
    store = SqliteStore(tmp_path)
    thread = threading.Thread(target=store.close)
    thread.start()
    thread.join()
    with pytest.raises(StorageError, match="closed"):
        store.database.borrow()


def test_lease_holds_when_its_holder_cannot_be_noted(tmp_path, monkeypatch):
    def refuse(*_arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "ftruncate", refuse)
    store = SqliteStore(tmp_path)
    with pytest.raises(StoreInUse) as caught:
        SqliteStore(tmp_path)
    assert caught.value.holder is None
    store.close()


def test_lease_file_that_vanishes_is_told(tmp_path):
    with pytest.raises(StorageError, match="cannot be leased"):
        Lease(tmp_path / "absent", tmp_path)


def test_store_without_a_lease_has_nothing_to_claim(tmp_path):
    store = SqliteStore(tmp_path, takes_lease=False)
    store.claim()
    store.close()
