"""What Google's servers left behind is imported: SQLite, pickles, managed exports."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from channelshim.data.importing import Mode
from channelshim.errors import ChannelShimError, ConfigurationError
from tests.data.entities import named, simple
from tests.data.logs import log_of
from tests.data.moving import App
from tests.data.old_server import pickled, write_sqlite

BLOB = "encoded_gs_file:aGk="


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path / "app")


def bodies(app: App) -> list[bytes]:
    """Return the entities of an app's store."""
    return [each[2] for each in app.content() if isinstance(each, tuple)]


def old(number: int, **fields: str) -> bytes:
    return simple(number, app="s~old", **fields)


def new(number: int, **fields: str) -> bytes:
    return simple(number, **fields)


def as_pickle(path: Path, found: list[bytes]) -> Path:
    path.write_bytes(pickled(found))
    return path


def as_sqlite(path: Path, found: list[bytes]) -> Path:
    write_sqlite(path, {("s~old", ""): found})
    return path


def as_log(path: Path, found: list[bytes]) -> Path:
    path.write_bytes(log_of(found))
    return path


def as_export(path: Path, found: list[bytes]) -> Path:
    folder = path / "all_namespaces" / "all_kinds"
    folder.mkdir(parents=True)
    (path / "x.overall_export_metadata").write_bytes(b"\0")
    (folder / "all_namespaces_all_kinds.export_metadata").write_bytes(b"\0")
    for number, body in enumerate(found):
        as_log(folder / f"output-{number}", [body])
    (folder / "output-9").write_bytes(b"")
    return path


FORMS = pytest.mark.parametrize("form", [as_pickle, as_sqlite, as_log, as_export])

Form = Callable[[Path, list[bytes]], Path]


@FORMS
def test_entities_become_this_apps(tmp_path: Path, app: App, form: Form) -> None:
    app.take(form(tmp_path / "in", [old(2, text="b"), old(1, text="a"), old(3)]))
    assert bodies(app) == [new(1, text="a"), new(2, text="b"), new(3)]


@FORMS
def test_a_bad_entity_is_named_and_nothing_is_imported(
    tmp_path: Path, app: App, form: Form
) -> None:
    file = form(tmp_path / "in", [old(1), old(2), b"no entity", old(4)])
    # A counter of each kind is a record too.
    number = 5 if form is as_sqlite else 3
    sentence = f"record {number} of {file}: it is not an entity; nothing is imported"
    with pytest.raises(ConfigurationError) as raised:
        app.take(file)
    assert str(raised.value) == sentence
    assert app.is_untouched()


def test_a_damaged_log_is_named(tmp_path: Path, app: App) -> None:
    folder = as_export(tmp_path / "in", [old(1), old(2)])
    path = next(folder.rglob("output-1"))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ConfigurationError, match=r"record 2 of .*output-1: the log is"):
        app.take(folder)
    assert app.is_untouched()


@pytest.mark.parametrize("form", [as_pickle, as_sqlite])
def test_blobs_beside_the_old_datastore_come_along(
    tmp_path: Path, app: App, form: Form
) -> None:
    storage = tmp_path / "storage"
    storage.mkdir()
    infos = [
        named(key, app="s~old", kind=kind)
        for key, kind in (
            ("abc==", "__BlobInfo__"),
            ("gone", "__BlobInfo__"),
            ("../../../secret", "__BlobInfo__"),
            ("linked", "__BlobInfo__"),
            ("xsecret", "__BlobInfo__"),
            (BLOB, "__GsFileInfo__"),
        )
    ]
    form(storage / "datastore.db", [old(1), *infos])
    (tmp_path / "secret").write_bytes(b"secret")
    for key in ("abc==", BLOB):
        path = storage / "blobs" / "s~old" / key[1] / key[1:]
        path.parent.mkdir(parents=True)
        path.write_bytes(key.encode() * 50_000)
    (storage / "blobs" / "s~old" / "i").mkdir()
    (storage / "blobs" / "s~old" / "i" / "inked").symlink_to(tmp_path / "secret")
    (storage / "blobs" / "s~old" / "s").symlink_to(tmp_path)
    # The folder, as --storage_path named it.
    outcome = app.take(storage)
    assert len(bodies(app)) == 7
    for key in ("abc==", BLOB):
        assert app.blob(key).read_bytes() == key.encode() * 50_000
    files = [path for path in app.store_folder.rglob("*") if path.is_file()]
    assert not any(b"secret" == path.read_bytes() for path in files)
    assert len(outcome.survey.tally) >= 2
    # Or each by itself.
    blobs = (storage / "blobs").rename(tmp_path / "elsewhere")
    app.take(storage / "datastore.db", Mode.REPLACE, source_blobs=blobs)
    assert app.blob(BLOB).is_file()
    with pytest.raises(ConfigurationError, match="is not a folder of blobs"):
        app.take(storage, Mode.REPLACE, source_blobs=tmp_path / "none")


def test_namespaces_and_counters_of_the_old_server_come_along(
    tmp_path: Path, app: App
) -> None:
    file = tmp_path / "datastore.db"
    tables = {("s~old", ""): [old(2)], ("s~old", 'a"b'): [old(1)]}
    write_sqlite(file, tables, sequential=77, scattered=9)
    app.take(file)
    assert sorted(bodies(app)) == [new(1), new(2)]
    with app.store() as store:
        assert store.entities.allocate("sequential", 1) == 77
        assert store.entities.allocate("scattered", 1) == 9


def test_one_app_of_several_is_chosen(tmp_path: Path, app: App) -> None:
    file = tmp_path / "datastore.db"
    tables = {("s~old", ""): [old(1)], ("dev~other", ""): [simple(2, app="dev~other")]}
    write_sqlite(file, tables)
    with pytest.raises(ConfigurationError, match="choose one with --from-application"):
        app.take(file)
    assert app.is_untouched()
    outcome = app.take(file, source_application="s~old")
    assert bodies(app) == [new(1)]
    assert outcome.survey.left_out == 1


def test_the_old_file_is_left_as_it_is(tmp_path: Path, app: App) -> None:
    file = as_sqlite(tmp_path / "datastore.db", [old(1)])
    before = file.read_bytes()
    app.take(file)
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app", "datastore.db"]


def hostile_view(path: Path) -> None:
    """Make a table of entities that is a view."""
    write_sqlite(path, {})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            'CREATE VIEW "s~old!!Entities" AS SELECT randomblob(1e9) AS entity'
        )


def test_only_tables_are_read(tmp_path: Path, app: App) -> None:
    hostile_view(tmp_path / "datastore.db")
    app.take(tmp_path / "datastore.db")
    assert bodies(app) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "nothing that can be imported"),
        (b"text of some kind", "nothing that can be imported"),
        (b"SQLite format 3\0" + bytes(200), "refused: the file is"),
        (b"channelshim data 9\n", "newer channelshim"),
        (b"\x80\x04\x95", "pickle"),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, app: App, content: bytes, sentence: str
) -> None:
    (tmp_path / "in").write_bytes(content)
    with pytest.raises(ChannelShimError, match=sentence):
        app.take(tmp_path / "in")
    assert app.is_untouched()


def test_other_databases_are_refused(tmp_path: Path, app: App) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE x (y)")
    with pytest.raises(ConfigurationError, match="not one of the old development"):
        app.take(tmp_path / "other.db")
    app.take(as_log(tmp_path / "in", [old(1)]))
    own = app.store_folder / "channelshim.sqlite3"
    with pytest.raises(ConfigurationError, match="is a store of channelshim"):
        App(tmp_path / "another").take(own)


def test_what_is_not_there_is_one_sentence(tmp_path: Path, app: App) -> None:
    (tmp_path / "empty").mkdir()
    for path, sentence in (
        (tmp_path / "none", "cannot be read: No such file"),
        (tmp_path / "empty", "neither the old server's datastore.db nor"),
        (Path("/dev/null"), "is not a file"),
    ):
        with pytest.raises(ConfigurationError, match=sentence):
            app.take(path)
