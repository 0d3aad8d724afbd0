"""Data moves whole or not at all: between engines, over kills, from damaged files."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from google.appengine.datastore import datastore_stub_util
from google.appengine.datastore import entity_bytes_pb2 as entity_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channelshim.composition.data import export_data, import_data
from channelshim.composition.stores import choose_store, open_store
from channelshim.contracts.identity import User
from channelshim.contracts.index_definitions import IndexDefinition
from channelshim.contracts.store import Account, Password
from channelshim.contracts.tasks import PullTask, Task
from channelshim.data.importing import Mode, Note
from channelshim.data.records import (
    Blob,
    BlobPiece,
    Counter,
    Entity,
    PausedQueue,
    Record,
)
from channelshim.errors import ConfigurationError, StoreInUse
from channelshim.services.datastore_v3.ids import IdSource
from tests.data.entities import entities, named, simple
from tests.data.moving import App, Quiet, records_of, write_file
from tests.lanes import ROOT, timeout_factor
from tests.programs import PATIENCE_SECONDS
from tests.store.backends import give_back_schema, shared_server, take_schema

FIXTURE = HealthCheck.function_scoped_fixture

BLOB_KEY = "uBcd-_="
BLOB_BYTES = bytes(range(256)) * 2500

REST: list[Record] = [
    Task(
        queue="mail",
        name="t\0ä",
        eta=1e9 + 0.25,
        method="POST",
        path="/work?a=1",
        headers=(("X-A", "1"), ("X-A", "2")),
        body=b"\0\xff",
        retry={"limit": 3.0},
        retries=2,
        first_tried_at=1e9,
    ),
    PullTask("pull", "p", 17, b"\0\xfe", b"\xff tag", 3),
    PullTask("pull", "q", 18, b""),
    PausedQueue("mail"),
    Account(User("Ann@example.com", True, "1" * 21), 1e9),
    Password("Ann@example.com", "$argon2id$x", 1e9),
    Blob(BLOB_KEY, len(BLOB_BYTES)),
    *(
        BlobPiece(BLOB_BYTES[start : start + (256 << 10)])
        for start in range(0, len(BLOB_BYTES), 256 << 10)
    ),
    Blob("empty", 0),
]

BLOB_INFOS: list[Record] = [
    Entity(named(key, kind="__BlobInfo__")) for key in (BLOB_KEY, "empty")
]


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path / "app")


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[App]:
    """Return an app whose store is in PostgreSQL."""
    schema = take_schema()
    yield App(tmp_path / "shared", store=shared_server().url(), store_schema=schema)
    give_back_schema(schema)


def by_kind(file: Path) -> list[str]:
    """Return the records of a file in an order that is the same everywhere."""
    return sorted(map(repr, records_of(file)))


# --- There and back -------------------------------------------------------------------


def go_round(tmp_path: Path, bodies: list[bytes], apps: list[App]) -> None:
    """Move data through apps one after the other; it stays what it is."""
    records: list[Record] = [
        Counter("sequential", 5000),
        *map(Entity, bodies),
        *BLOB_INFOS,
        *REST,
    ]
    file = write_file(tmp_path / "first", records)
    for app in apps:
        app.take(file, Mode.REPLACE)
        assert app.content() == apps[0].content()
        file = app.export(tmp_path / f"from-{app.folder.name}")
        found = by_kind(file)
        # Ids may have raised the counters.
        assert {*map(repr, records[1:])} <= {*found}
        assert found == by_kind(tmp_path / f"from-{apps[0].folder.name}")


ALL_KINDS = st.lists(
    entities(), min_size=5, max_size=30, unique_by=lambda body: _key(body)
)


def _key(body: bytes) -> bytes:
    found: bytes = entity_pb2.EntityProto.FromString(body).key.SerializeToString()
    return found


@settings(max_examples=10, suppress_health_check=[FIXTURE])
@given(ALL_KINDS)
def test_data_goes_from_folder_to_folder(tmp_path: Path, bodies: list[bytes]) -> None:
    apps = [App(tmp_path / "a"), App(tmp_path / "b")]
    go_round(tmp_path, bodies, apps)
    assert apps[1].blob(BLOB_KEY).read_bytes() == BLOB_BYTES


@pytest.mark.postgres
@settings(max_examples=10, suppress_health_check=[FIXTURE])
@given(ALL_KINDS)
def test_data_goes_from_sqlite_to_postgresql_and_back(
    tmp_path: Path, shared: App, bodies: list[bytes]
) -> None:
    apps = [App(tmp_path / "a"), shared, App(tmp_path / "b")]
    go_round(tmp_path, bodies, apps)
    assert apps[2].blob(BLOB_KEY).read_bytes() == BLOB_BYTES


def test_another_app_takes_the_data(tmp_path: Path, app: App) -> None:
    app.take(write_file(tmp_path / "in", [Entity(simple(7, text="x")), *REST]))
    other = App(tmp_path / "other", "other")
    other.take(app.export(tmp_path / "out"))
    found = [each[2] for each in other.content() if isinstance(each, tuple)]
    assert found == [simple(7, app="dev~other", text="x")]


def test_an_index_that_there_is_has_what_is_merged(tmp_path: Path, app: App) -> None:
    definition = IndexDefinition((("a", False), ("b", True)))
    with app.store() as store:
        store.entities.build_index("", "A", definition)
    app.take(write_file(tmp_path / "in", [Entity(simple(1, a="1", b="2"))]), Mode.MERGE)
    with app.store() as store, store.entities.read() as snapshot:
        kind_id = snapshot.kind_id("", "A")
        assert kind_id is not None
        for each in (definition, IndexDefinition.single("a")):
            index = snapshot.index(kind_id, each)
            assert index is not None
            assert index.is_ready


# --- Ids ------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["sequential", "scattered"])
def test_new_ids_are_none_that_came_with_the_data(
    tmp_path: Path, app: App, policy: str
) -> None:
    taken = [*range(1, 30), *map(datastore_stub_util.ToScatteredId, range(1, 350))]
    app.take(write_file(tmp_path / "in", [Entity(simple(id)) for id in taken]))
    with app.store() as store:
        ids = IdSource(store.entities, policy)  # type: ignore[arg-type]
        assert not {ids.take() for _ in range(300)} & set(taken)
        assert ids.take_range(5, 0)[0] >= 30


# --- What there is already ------------------------------------------------------------


def test_data_that_there_is_is_neither_mixed_nor_lost(tmp_path: Path, app: App) -> None:
    old = [Entity(simple(1, text="old")), Entity(simple(2, text="old")), *REST]
    new = write_file(tmp_path / "new", [Entity(simple(1, text="new")), *REST[:1]])
    app.take(write_file(tmp_path / "old", old))
    before = app.content()
    with pytest.raises(ConfigurationError, match="data already: --merge adds to it"):
        app.take(new)
    assert app.content() == before
    outcome = app.take(new, Mode.MERGE)
    assert outcome.refused_tasks == 1
    found = [each[2] for each in app.content() if isinstance(each, tuple)]
    assert found == [simple(1, text="new"), simple(2, text="old")]
    app.blob("stays").parent.mkdir(parents=True, exist_ok=True)
    app.blob("stays").write_bytes(b"")
    app.take(new, Mode.REPLACE)
    found = [each[2] for each in app.content() if isinstance(each, tuple)]
    assert found == [simple(1, text="new")]
    assert not app.blob("stays").exists()
    assert not app.blob(BLOB_KEY).exists()


def test_a_server_that_has_the_store_keeps_it(tmp_path: Path, app: App) -> None:
    file = write_file(tmp_path / "in", [Entity(simple(1))])
    with app.store(), pytest.raises(StoreInUse, match="in use by"):
        app.take(file)


@pytest.mark.postgres
def test_a_server_that_lives_keeps_the_database(tmp_path: Path, shared: App) -> None:
    file = write_file(tmp_path / "in", [Entity(simple(1))])
    with shared.store() as store:
        store.tasks.beat("another:server")
    with pytest.raises(ConfigurationError, match=r"a server uses .*, or did so less"):
        shared.take(file)


@pytest.mark.postgres
def test_a_server_that_starts_meanwhile_keeps_the_database(
    tmp_path: Path, shared: App
) -> None:
    class Starting(Quiet):
        def end(self) -> None:
            with shared.store() as store:
                store.tasks.beat("another:server")

    file = write_file(tmp_path / "in", [Entity(simple(1))])
    with pytest.raises(ConfigurationError, match=r"a server uses .*, or did so less"):
        import_data(shared.folder, shared.settings, file, Mode.FRESH, Starting())
    assert shared.is_untouched()


# --- Kills ----------------------------------------------------------------------------

MANY: list[Record] = [
    *(Entity(simple(number, text=f"{number}")) for number in range(1, 1801)),
    *(Task("q", f"t{number:04}", 1e9, "GET", "/") for number in range(700)),
    *BLOB_INFOS,
    *REST,
    *(Entity(simple(number, kind="B")) for number in range(1, 301)),
]

DYING = """\
import os, signal, sys
from pathlib import Path
from channelshim.composition import data
from channelshim.composition.setting_values import read_settings
from channelshim.data.importing import Mode

class Progress:
    def begin(self, label, total):
        self.label = label
        self.calls = 0
    def advance(self, done):
        self.calls += 1
        if self.label == "importing" and self.calls == int(sys.argv[4]):
            os.kill(os.getpid(), signal.SIGKILL)
    def end(self):
        pass

settings = read_settings({"storage_path": sys.argv[2], **eval(sys.argv[5])}, {})
data.import_data(Path(sys.argv[1]), settings, Path(sys.argv[3]), Mode.FRESH, Progress())
"""
"""Imports a file, and is killed when so many times a hundred records are written."""


def die_at(app: App, file: Path, hundreds: int, **settings: str) -> None:
    arguments = map(str, (app.folder, app.store_folder, file, hundreds, repr(settings)))
    done = subprocess.run(
        [sys.executable, "-c", DYING, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=PATIENCE_SECONDS * timeout_factor(),
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def check_kills(tmp_path: Path, app: App, **settings: str) -> None:
    file = write_file(tmp_path / "in", MANY)
    for hundreds in (3, 24):
        die_at(app, file, hundreds, **settings)
    with app.store() as store:
        assert store.unfinished_import() is not None
    outcome = app.take(file)
    assert outcome.resumed_at >= 1000
    whole = App(tmp_path / "whole")
    whole.take(file)
    assert app.content() == whole.content()
    first, second = tmp_path / "1", tmp_path / "2"
    assert by_kind(app.export(first)) == by_kind(whole.export(second))
    assert app.take(file, Mode.REPLACE).resumed_at == 0


def test_an_import_that_was_killed_goes_on(tmp_path: Path, app: App) -> None:
    check_kills(tmp_path, app)
    assert app.blob(BLOB_KEY).read_bytes() == BLOB_BYTES


@pytest.mark.postgres
def test_an_import_into_postgresql_that_was_killed_goes_on(
    tmp_path: Path, shared: App
) -> None:
    given = shared.settings
    check_kills(tmp_path, shared, store=given.store, store_schema=given.store_schema)


def begun(app: App, file: Path, mode: Mode = Mode.FRESH) -> Note:
    """Put a note of an import into the store, as a killed one leaves it."""
    survey = App(app.folder.with_name("surveyed")).take(file, Mode.REPLACE).survey
    note = Note(survey.digest, file.name, mode, is_begun=True, records=0)
    with app.store() as store:
        store.note_import(note.to_bytes())
    return note


def test_half_of_an_import_is_not_served(tmp_path: Path, app: App) -> None:
    file = write_file(tmp_path / "in", [Entity(simple(1)), *REST])
    begun(app, file)
    choice = choose_store(app.settings, "app", app.store_folder, config=None)
    with pytest.raises(ConfigurationError, match="was cut short: run channelshim data"):
        open_store(choice)
    with pytest.raises(ConfigurationError, match="was cut short"):
        app.export(tmp_path / "out")
    other = write_file(tmp_path / "other", [Entity(simple(2))])
    with pytest.raises(ConfigurationError, match="an import of in was cut short: run"):
        app.take(other)
    app.take(other, Mode.REPLACE)
    assert [each[2] for each in app.content() if isinstance(each, tuple)] == [simple(2)]


def test_a_cleared_datastore_has_no_half_of_an_import(tmp_path: Path, app: App) -> None:
    file = write_file(tmp_path / "in", [Entity(simple(1)), *REST])
    app.take(file)
    begun(app, file)
    choice = choose_store(app.settings, "app", app.store_folder, config=None)
    open_store(choice, is_cleared=True).close()
    assert app.is_untouched()


def test_a_note_that_is_damaged_is_another_imports(tmp_path: Path, app: App) -> None:
    file = write_file(tmp_path / "in", [Entity(simple(1))])
    for damaged in (b"", b"[]", b"\xff", b"{}", b'{"digest": 1}'):
        with app.store() as store:
            store.note_import(damaged)
        with pytest.raises(ConfigurationError, match="of a file was cut short"):
            app.take(file)
    app.take(file, Mode.REPLACE)


# --- Damaged and hostile files --------------------------------------------------------


@settings(max_examples=60, suppress_health_check=[FIXTURE])
@given(st.data())
def test_a_changed_byte_imports_nothing(
    tmp_path: Path, app: App, data: st.DataObject
) -> None:
    whole = write_file(
        tmp_path / "in", [Entity(simple(1, text="x")), *BLOB_INFOS, *REST]
    ).read_bytes()
    # The bytes of the blob are most of it; let the others have their share.
    place = data.draw(st.integers(0, 2000) | st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[place] ^= data.draw(st.integers(1, 255))
    (tmp_path / "in").write_bytes(damaged)
    with pytest.raises(ConfigurationError):
        app.take(tmp_path / "in")
    assert app.is_untouched()
    assert not app.blob(BLOB_KEY).exists()


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ([Entity(b"?")], "record 3 of .*: it is not an entity; nothing is imported"),
        ([Entity(simple(1, app="s~b"))], "record 3 of .*of the app s~b"),
        ([Counter("catalogue", 1)], "record 3 of .*no counter"),
        ([BlobPiece(b"x")], "record 3 of .*more bytes than the blob has"),
        ([Blob("ab", 2), BlobPiece(b"x")], "record 4 of .*last blob is cut short"),
        ([Blob("ab", 2), Entity(simple(9))], "record 4 of .*before it is cut short"),
        ([Blob("ab", 1), BlobPiece(b"xy")], "record 4 of .*more bytes than"),
        ([Blob("../../x", 0)], "record 3 of .*cannot be the key of a blob"),
        ([Blob("a/../../x", 0)], "record 3 of .*cannot be the key"),
        ([Blob("a..", 0)], "record 3 of .*cannot be the key"),
        ([Blob("..", 0)], "record 3 of .*cannot be the key"),
        ([Blob("/etc/x", 0)], "record 3 of .*cannot be the key"),
        ([Blob("a", 0)], "record 3 of .*cannot be the key"),
        ([Blob("ab\0", 0)], "record 3 of .*cannot be the key"),
        ([Blob("ab" * 200, 0)], "record 3 of .*cannot be the key"),
    ],
)
def test_a_bad_record_imports_nothing(
    tmp_path: Path, app: App, bad: list[Record], sentence: str
) -> None:
    records = [Entity(simple(1)), Entity(simple(2)), *bad]
    with pytest.raises(ConfigurationError, match=sentence):
        app.take(write_file(tmp_path / "in", records))
    assert app.is_untouched()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app", "in"]


@pytest.mark.postgres
def test_what_the_database_alone_refuses_is_undone(tmp_path: Path, shared: App) -> None:
    # Too long for an index of PostgreSQL, however it is packed.
    long = "".join(map(chr, Random(1).choices(range(0x4E00, 0x9FFF), k=1400)))
    records: list[Record] = [Entity(simple(number)) for number in range(1, 6)]
    records += [Entity(named(long)), Entity(simple(7))]
    sentence = "record 6 of .*too long for PostgreSQL's indexes; nothing is imported"
    with pytest.raises(ConfigurationError, match=sentence):
        shared.take(write_file(tmp_path / "in", records))
    assert shared.is_untouched()


def test_an_export_is_its_owners_alone_and_replaces_nothing(
    tmp_path: Path, app: App
) -> None:
    with pytest.raises(ConfigurationError, match="there is no data in"):
        app.export(tmp_path / "out")
    app.take(write_file(tmp_path / "in", [Entity(simple(1))]))
    file = app.export(tmp_path / "out")
    assert file.stat().st_mode & 0o777 == 0o600
    for target, sentence in (
        (file, "is there already"),
        (tmp_path / "no" / "out", "cannot be written: No such file"),
        (tmp_path / ("x" * 300), "cannot be written: File name too long"),
    ):
        with pytest.raises(ConfigurationError, match=sentence):
            export_data(app.folder, app.settings, target, Quiet())
    (tmp_path / "mine.part").write_text("mine")
    export_data(app.folder, app.settings, tmp_path / "mine", Quiet())
    assert [each.name for each in tmp_path.rglob("*.part")] == ["mine.part"]
    assert (tmp_path / "mine.part").read_text() == "mine"


def test_an_export_beside_a_server_is_of_one_moment(tmp_path: Path, app: App) -> None:
    app.take(write_file(tmp_path / "in", [Entity(simple(1))]))
    with app.store():
        assert len(records_of(app.export(tmp_path / "out"))) == 2
