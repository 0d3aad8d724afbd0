"""An import that is killed at any moment, and run again, imports exactly all."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import IO, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelshim.contracts.identity import User
from channelshim.contracts.store import Account, Password
from channelshim.contracts.tasks import PullTask, Task
from channelshim.data import importing
from channelshim.data.checking import survey
from channelshim.data.entities import EntityReader
from channelshim.data.files import DataReader
from channelshim.data.importing import Importer, Mode, Note, described
from channelshim.data.records import (
    Blob,
    BlobPiece,
    Counter,
    Entity,
    PausedQueue,
    Record,
)
from channelshim.errors import ConfigurationError, StorageError, StoreBusy
from channelshim.services.datastore_v3.values import values_of_body
from tests.data.entities import APP, simple
from tests.data.moving import Quiet, content_of
from tests.data.test_files import written
from tests.store.dict_store import DictStore, Disk

CONTENT: list[Record] = [
    Counter("sequential", 40),
    *(Entity(simple(number, text="new")) for number in range(1, 8)),
    Task("q", "t", 1e9, "GET", "/"),
    PullTask("p", "t", 1, b""),
    Entity(simple(3, text="again")),
    PausedQueue("q"),
    Blob("abc", 5),
    BlobPiece(b"12"),
    BlobPiece(b"345"),
    Account(User("a@x", True, "1"), 1.0),
    Password("a@x", "h", 1.0),
    Blob("empty", 0),
    *(Entity(simple(number)) for number in range(20, 24)),
    Blob("last", 1),
    BlobPiece(b"x"),
]

FILE = written(CONTENT)


class Killed(BaseException):
    """The process ends here."""


class Mortal:
    """A store that is killed before or behind one of its writes.

    Args:
        disk: what outlives it.
        blobs: the same for blobs.
        steps: how many moments it lives.
    """

    WRITES = frozenset(
        {"apply", "reserve", "add", "pause", "remember", "put", "clear", "note_import"}
    )

    def __init__(self, disk: Disk, blobs: dict[str, bytes], steps: int) -> None:
        self.steps = steps
        self._blobs = blobs
        store = DictStore(disk, values_of_body)
        parts = ("entities", "tasks", "accounts", "passwords", "data")
        self.store: Any = SimpleNamespace(
            **{name: _Part(getattr(store, name), self) for name in parts},
            note_import=_Part(store, self).note_import,
            unfinished_import=store.unfinished_import,
        )

    def live(self) -> None:
        self.steps -= 1
        if self.steps == 0:
            raise Killed

    def put_blob(self, key: str, stream: IO[bytes]) -> None:
        self.live()
        self._blobs[key] = stream.read()
        self.live()

    def clear_blobs(self) -> None:
        self.live()
        self._blobs.clear()
        self.live()


class _Part:
    def __init__(self, part: Any, life: Mortal) -> None:
        self._part = part
        self._life = life

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if name not in Mortal.WRITES:
            return found

        def write(*arguments: Any, **options: Any) -> Any:
            self._life.live()
            answer = found(*arguments, **options)
            self._life.live()
            return answer

        return write


def run(
    disk: Disk,
    blobs: dict[str, bytes],
    mode: Mode,
    steps: int,
    file: bytes = FILE,
    source_app: str = "",
) -> importing.Outcome:
    """Import the file, unless it is killed first."""
    return attempt(Mortal(disk, blobs, steps), mode, file, source_app)


def attempt(
    life: Mortal, mode: Mode, file: bytes = FILE, source_app: str = ""
) -> importing.Outcome:
    """Import the file into a store that may be killed."""
    source = DataReader(io.BytesIO(file), "x")
    found = survey(source, EntityReader(APP, source_app), Quiet(), {})
    reader = EntityReader(APP, source_app)
    importer = Importer(
        life.store, source, reader, life.put_blob, Quiet(), life.clear_blobs
    )
    return importer.run(found, mode)


def prepared(mode: Mode) -> tuple[Disk, dict[str, bytes]]:
    """Return what there is before the import."""
    disk, blobs = Disk(), {}
    if mode is not Mode.FRESH:
        old: list[Record] = [Entity(simple(2, text="old")), Entity(simple(99))]
        old.append(Blob("old", 0))
        run(disk, blobs, Mode.FRESH, 0, written(old))
    return disk, blobs


def state(disk: Disk, blobs: dict[str, bytes]) -> tuple[Any, ...]:
    store = DictStore(disk, values_of_body)
    with store.data.read() as snapshot:
        counters = dict(snapshot.counters())
        return content_of(snapshot), counters, blobs, store.unfinished_import()


@pytest.fixture(autouse=True, scope="module")
def small_batches() -> Any:
    """Have many commits of few records."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "BATCH_RECORDS", 3)
        yield


@settings(max_examples=40)
@given(st.sampled_from(Mode), st.lists(st.integers(1, 60), max_size=4))
def test_whoever_is_killed_and_runs_again_imports_all(
    mode: Mode, lives: list[int]
) -> None:
    disk, blobs = prepared(mode)
    run(disk, blobs, mode, 0)
    expected = state(disk, blobs)
    disk, blobs = prepared(mode)
    for steps in lives:
        try:
            run(disk, blobs, mode, steps)
        except Killed:
            if state(disk, blobs) != expected:
                continue
        # Perhaps it was killed behind its last write.
        break
    else:
        run(disk, blobs, mode, 0)
    assert state(disk, blobs) == expected


def test_it_goes_on_where_it_was() -> None:
    disk, blobs = prepared(Mode.FRESH)
    steps = [0] * 60
    for number in range(1, 60):
        with pytest.raises(Killed):
            run(disk, blobs, Mode.FRESH, number)
        note = DictStore(disk).unfinished_import()
        steps[number] = 0 if note is None else Note.from_bytes(note).records
        if steps[number] >= len(CONTENT) - 4:
            break
    assert steps[:number] == sorted(steps[:number])
    assert run(disk, blobs, Mode.FRESH, 0).resumed_at == steps[number]


def kill_within(
    disk: Disk, blobs: dict[str, bytes], mode: Mode, file: bytes, source_app: str = ""
) -> None:
    """Import a file, and kill that when some of its records are in the store."""
    note = None
    for steps in range(1, 60):
        with pytest.raises(Killed):
            run(disk, blobs, mode, steps, file, source_app)
        note = DictStore(disk).unfinished_import()
        if note is not None and Note.from_bytes(note).records >= 6:
            return
    pytest.fail(f"it was not killed on its way: {note!r}")


def test_another_app_of_the_file_is_another_import() -> None:
    first, second = "dev~first", "dev~second"
    apps = [first] * 10 + [second] * 10 + [first] * 10
    found: list[Any] = [
        Entity(simple(number, app=app)) for number, app in enumerate(apps, 1)
    ]
    file = written(found)
    disk, blobs = prepared(Mode.FRESH)
    kill_within(disk, blobs, Mode.FRESH, file, first)
    with pytest.raises(ConfigurationError, match="delete all data of the app"):
        run(disk, blobs, Mode.FRESH, 0, file, second)
    run(disk, blobs, Mode.REPLACE, 0, file, second)
    found = [each[2] for each in state(disk, blobs)[0] if isinstance(each, tuple)]
    assert found == [simple(number) for number in range(11, 21)]


@pytest.mark.parametrize("mode", [Mode.FRESH, Mode.MERGE])
def test_replacing_deletes_what_another_mode_has_left(mode: Mode) -> None:
    disk, blobs = prepared(Mode.FRESH)
    run(disk, blobs, Mode.FRESH, 0)
    content, _, files, _ = state(disk, blobs)
    disk, blobs = prepared(mode)
    kill_within(disk, blobs, mode, FILE)
    assert run(disk, blobs, Mode.REPLACE, 0).resumed_at == 0
    # Without the counters, which no import lowers.
    found, _, left, note = state(disk, blobs)
    assert (found, left, note) == (content, files, None)


class Refusing:
    """Entities that refuse one of them, or everything."""

    def __init__(self, part: Any, is_refused: Callable[[bytes], bool]) -> None:
        self._part = part
        self._is_refused = is_refused

    def apply(self, writes: Any) -> Any:
        writes = list(writes)
        if any(self._is_refused(write.body) for write in writes):
            raise StorageError("the disk is full")
        return self._part.apply(writes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


@pytest.mark.parametrize("mode", list(Mode))
def test_what_the_store_refuses_is_named_and_undone(mode: Mode) -> None:
    disk, blobs = prepared(mode)
    life = Mortal(disk, blobs, 0)
    bad = simple(6, text="new")
    life.store.entities = Refusing(life.store.entities, lambda body: body == bad)
    end = {
        Mode.FRESH: "nothing is imported",
        Mode.MERGE: ".*goes on",
        Mode.REPLACE: "nothing is imported and the store is empty now",
    }[mode]
    with pytest.raises(
        ConfigurationError, match=f"record 7 of x: the disk is full; {end}$"
    ):
        attempt(life, mode)
    content, _, _, note = state(disk, blobs)
    if mode is Mode.MERGE:
        assert note is not None
        found = [each[2] for each in content if isinstance(each, tuple)]
        assert simple(5, text="new") in found
    else:
        assert (content, note) == ([[]], None)


def test_whoever_is_killed_while_it_undoes_leaves_nothing_half() -> None:
    disk, blobs = prepared(Mode.FRESH)
    run(disk, blobs, Mode.FRESH, 0)
    expected = state(disk, blobs)
    bad = simple(22)
    for steps in range(1, 80):
        disk, blobs = prepared(Mode.FRESH)
        life = Mortal(disk, blobs, steps)
        life.store.entities = Refusing(life.store.entities, lambda body: body == bad)
        with pytest.raises((Killed, ConfigurationError)) as raised:
            attempt(life, Mode.FRESH)
        run(disk, blobs, Mode.FRESH, 0)
        assert state(disk, blobs) == expected
        if raised.type is ConfigurationError:
            break
    assert raised.type is ConfigurationError


def test_a_store_that_is_busy_leaves_the_import_to_be_continued() -> None:
    disk, blobs = prepared(Mode.FRESH)
    life = Mortal(disk, blobs, 0)

    def refuse(*_: Any) -> None:
        raise StoreBusy("busy")

    life.store.tasks = SimpleNamespace(add=refuse)
    with pytest.raises(StoreBusy):
        attempt(life, Mode.FRESH)
    assert run(disk, blobs, Mode.FRESH, 0).resumed_at > 0


def test_what_there_is_in_words() -> None:
    tally = {Entity: 1234, Task: 1, Blob: 2, BlobPiece: 9}
    assert described(tally) == "1,234 entities, 1 task, 2 blobs"
    assert described({}) == "no records"


def test_a_note_reads_back() -> None:
    note = Note("d", "n\ud800", Mode.MERGE, True, 7)
    assert Note.from_bytes(note.to_bytes()) == note
