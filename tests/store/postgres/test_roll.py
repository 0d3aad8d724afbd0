"""Who of several servers lives, and who has what the dead ones had."""

from __future__ import annotations

import os
import shutil

import pytest

from channelshim.contracts.mails import Envelope
from channelshim.errors import StorageError, StoreInUse
from channelshim.store.postgres import roll
from channelshim.store.postgres.opening import ServedStore
from channelshim.store.postgres.place import Place
from tests.store.postgres.test_sharing import Stepped


@pytest.fixture
def serve(server, schema):
    """Return a function that opens the store as a server with a folder does."""
    opened = []

    def serve_one(folder, **options):
        opened.append(ServedStore(Place(server.url(), schema), folder, **options))
        return opened[-1]

    yield serve_one
    for store in opened:
        store.close()


@pytest.fixture
def clock(monkeypatch):
    """Step the time by which a server sees whether it has been cut off."""
    stepped = Stepped()
    monkeypatch.setattr(roll, "time", stepped)
    return stepped


def name_of(store):
    return store._identity.name


def stay(store, clock, *, takes_connections=True):
    """Have a server live on for longer than it takes to call others dead."""
    found = []
    for _ in range(int(roll.SILENCE_SECONDS / roll.BEAT_SECONDS) + 1):
        clock.now += roll.BEAT_SECONDS
        call = store.stay(takes_connections=takes_connections)
        assert not call.was_struck_off
        found += call.client_ids
    return found


def fall_silent(store, server, schema):
    """Have the store believe that a server has said nothing for an hour."""
    server.sql(
        f"UPDATE {schema}.server SET seen_at = seen_at - interval '1 hour' "
        f"WHERE id = '{name_of(store)}'"
    )


def test_name_stays_over_a_restart_whatever_the_host_is_called(
    serve, tmp_path, monkeypatch
):
    first = serve(tmp_path)
    first.journal.note(["a"], [])
    first.save_windows(b"1")
    first.close()
    # As a container's, which has another name after each start.
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    second = serve(tmp_path)
    assert second.journal.connected_client_ids() == ["a"]
    assert second.load_windows() == b"1"
    assert second.tasks.worker_id == name_of(first)


def test_server_that_was_killed_has_its_name_at_once(serve, tmp_path):
    first = serve(tmp_path)
    # The kernel gives the lock back; nothing else is done.
    first._identity.close()
    assert name_of(serve(tmp_path)) == name_of(first)


def test_two_machines_of_one_host_name_are_two_servers(serve, tmp_path):
    one, two = serve(tmp_path / "one"), serve(tmp_path / "two")
    assert name_of(one) != name_of(two)


def test_copy_of_a_machine_takes_another_name(serve, tmp_path, caplog):
    first = serve(tmp_path / "one")
    first._identity.close()
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    original = serve(tmp_path / "one")
    copy = serve(tmp_path / "two")
    assert name_of(original) == name_of(first)
    assert name_of(copy) != name_of(original)
    assert "from a copy of" in caplog.text
    assert copy.tasks.worker_id == name_of(copy)
    copy.close()
    assert name_of(serve(tmp_path / "two")) == name_of(copy)


def test_copy_of_a_machine_frees_no_mail_of_the_original(serve, tmp_path):
    first = serve(tmp_path / "one")
    first._identity.close()
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    original, copy = serve(tmp_path / "one"), serve(tmp_path / "two")
    original.mails.add(b"data", 0.0, Envelope("app@example.com", ("a@example.com",)))
    assert original.mails.take(1.0, 900.0)
    copy.mails.release()
    assert copy.mails.take(1.0, 900.0) is None
    original.mails.release()
    assert copy.mails.take(1.0, 900.0)


def test_server_that_broke_off_while_it_entered_anew_enters_again(
    serve, tmp_path, monkeypatch
):
    running = serve(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    serve(tmp_path / "two")
    # Its name is another's, and the line breaks when it has just taken a new one.
    with monkeypatch.context() as broken:
        broken.setattr(running, "rename", fail)
        with pytest.raises(StorageError, match="gone"):
            running.stay(takes_connections=True)
    assert running.stay(takes_connections=True).was_struck_off
    assert running.tasks.worker_id == name_of(running)


def fail(name):
    raise StorageError("the connection is gone")


def test_copy_that_came_first_leaves_the_running_one_another_name(serve, tmp_path):
    running = serve(tmp_path / "one")
    before = name_of(running)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert name_of(serve(tmp_path / "two")) == before
    # It was not dead, but its name is somebody else's now.
    assert running.stay(takes_connections=True).was_struck_off
    assert name_of(running) != before
    running.journal.note(["a"], [])
    assert running.journal.connected_client_ids() == ["a"]
    assert not running.stay(takes_connections=True).was_struck_off


def test_ids_of_a_dead_server_are_taken_over_once(
    serve, tmp_path, clock, server, schema
):
    dead, one, two = (serve(tmp_path / name) for name in ("dead", "one", "two"))
    dead.journal.note(["a", "b"], [])
    one.journal.note(["b", "c"], [])
    dead.save_windows(b"old")
    assert stay(one, clock) == []
    fall_silent(dead, server, schema)
    found = [*stay(one, clock), *stay(two, clock)]
    # Of one that was connected to both, only the dead one's goes.
    assert found == ["a"]
    assert one.journal.connected_client_ids() == ["a", "b", "c"]
    assert dead.journal.connected_client_ids() == []
    assert dead.load_windows() is None
    assert dead.stay(takes_connections=True).was_struck_off


def test_whoever_was_cut_off_itself_calls_nobody_dead(
    serve, tmp_path, clock, server, schema
):
    dead, one = serve(tmp_path / "dead"), serve(tmp_path / "one")
    dead.journal.note(["a"], [])
    fall_silent(dead, server, schema)
    assert one.stay(takes_connections=True).client_ids == ()
    clock.now += 1000
    assert one.stay(takes_connections=True).client_ids == ()
    assert stay(one, clock) == ["a"]


def test_where_channels_are_shared_connections_stay(
    serve, tmp_path, clock, server, schema
):
    dead, one = serve(tmp_path / "dead"), serve(tmp_path / "one")
    dead.journal.note(["a"], [])
    fall_silent(dead, server, schema)
    assert stay(one, clock, takes_connections=False) == []
    assert dead.journal.connected_client_ids() == ["a"]


def test_rows_that_no_server_owns_are_taken_over(serve, tmp_path, clock, open_store):
    # Of a channelshim that named servers by their host.
    open_store(server="host:/data:0").journal.note(["a"], [])
    assert stay(serve(tmp_path), clock) == ["a"]


def claim_in_a_child(store):
    """Return what a forked process finds when it claims the store."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            store.claim()
            answer = store.tasks.worker_id
        except StoreInUse:
            answer = "in use"
        except BaseException as error:
            answer = repr(error)
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        answer = file.read().decode()
    os.waitpid(child, 0)
    return answer


def test_forked_processes_that_share_channels_are_servers_of_their_own(serve, tmp_path):
    store = serve(tmp_path, may_share=True)
    store.claim()
    other = claim_in_a_child(store)
    assert len(other) == len(name_of(store))
    assert other != name_of(store)


def test_forked_process_is_refused_where_channels_are_not_shared(serve, tmp_path):
    store = serve(tmp_path)
    store.claim()
    assert claim_in_a_child(store) == "in use"
