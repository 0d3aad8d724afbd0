"""Files of ours: read as they were written; any byte that changed is found."""

from __future__ import annotations

import dataclasses
import io
import json
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.appyaml.queues import RetryParameters
from channelshim.contracts.identity import User
from channelshim.contracts.store import Account, Password
from channelshim.contracts.tasks import PullTask, Task
from channelshim.data import files, records
from channelshim.data.files import DataReader, DataWriter
from channelshim.data.records import (
    BadRecord,
    Blob,
    BlobPiece,
    Counter,
    Entity,
    PausedQueue,
    Record,
)
from tests.data.entities import named, simple
from tests.lanes import ROOT

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
MOMENTS = st.floats(0, 4e9)
RETRY_NAMES = [each.name for each in dataclasses.fields(RetryParameters)]
BYTES = st.binary(max_size=40)
COUNTS = st.integers(0, 2**63 - 1)

RECORDS: st.SearchStrategy[Record] = st.one_of(
    st.builds(Entity, BYTES),
    st.builds(Counter, NAMES, st.integers(1, 2**63 - 1)),
    st.builds(PausedQueue, NAMES),
    st.builds(Account, st.builds(User, NAMES, st.booleans(), NAMES), MOMENTS),
    st.builds(Password, NAMES, NAMES, MOMENTS),
    st.builds(Blob, NAMES, COUNTS),
    st.builds(BlobPiece, st.binary(min_size=1, max_size=40)),
    st.builds(
        PullTask, NAMES, NAMES, st.integers(-9, 2**62), BYTES, st.none() | BYTES, COUNTS
    ),
    st.builds(
        Task,
        queue=NAMES,
        name=NAMES,
        eta=MOMENTS,
        method=NAMES,
        path=NAMES,
        headers=st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3))).map(
            tuple
        ),
        body=BYTES,
        retry=st.none()
        | st.dictionaries(st.sampled_from(RETRY_NAMES), MOMENTS, max_size=2),
        retries=COUNTS,
        first_tried_at=st.none() | MOMENTS,
    ),
)


def written(content: list[Record]) -> bytes:
    """Return a file with these records."""
    file = io.BytesIO()
    writer = DataWriter(file, "dev~app", "channelshim 1", 1.5)
    for record in content:
        writer.write(record)
    writer.finish()
    return file.getvalue()


def read(data: bytes) -> list[Record]:
    reader = DataReader(io.BytesIO(data), "x")
    return [record for _, record in reader.records()]


@given(st.lists(RECORDS, max_size=5))
def test_what_was_written_is_read(content: list[Record]) -> None:
    data = written(content)
    reader = DataReader(io.BytesIO(data), "x")
    assert (reader.application, reader.size) == ("dev~app", len(data))
    for _ in range(2):
        found = list(reader.records())
        assert [record for _, record in found] == content
        positions = [position for position, _ in found]
        assert positions == sorted(set(positions))


@given(st.lists(RECORDS, max_size=3), st.data())
def test_a_changed_byte_is_refused(content: list[Record], data: st.DataObject) -> None:
    file = bytearray(written(content))
    place = data.draw(st.integers(0, len(file) - 1))
    file[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadRecord):
        read(bytes(file))


@given(st.lists(RECORDS, max_size=3), st.data())
def test_a_file_that_was_cut_short_is_refused(
    content: list[Record], data: st.DataObject
) -> None:
    file = written(content)
    with pytest.raises(BadRecord):
        read(file[: data.draw(st.integers(0, len(file) - 1))])


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BadRecord):
        read(data)
    with pytest.raises(BadRecord):
        read(files.MAGIC + data)


def frame(letter: bytes, facts: bytes = b"", body: bytes = b"") -> bytes:
    """Return a frame whose checksum is right, whatever is in it."""
    data = struct.pack(">cII", letter, len(facts), len(body)) + facts + body
    return data + struct.pack(">I", zlib.crc32(data))


HEAD = files.MAGIC + frame(b"H", b'{"application": "dev~app"}')


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "cut short"),
        (b"something else altogether", "not one of channelshim data export"),
        (b"channelshim data 2\n" + bytes(99), "newer channelshim"),
        (files.MAGIC + frame(b"E"), "has no head"),
        (files.MAGIC + frame(b"H"), "'application' must be text"),
        (HEAD + frame(b"?"), "no kind of record"),
        (HEAD + frame(b"T", b"[]"), "no object in JSON"),
        (HEAD + frame(b"T", b"[" * 9999), "no object in JSON"),
        (HEAD + frame(b"T", b"{}"), "'queue' must be text"),
        (HEAD + frame(b"D"), "piece of a blob is empty"),
        (HEAD + struct.pack(">cII", b"E", 0, 1 << 31), "out of bounds"),
        (HEAD + struct.pack(">cII", b"E", 1 << 31, 0), "out of bounds"),
        (HEAD + frame(b"Z", b'{"records": 1}'), "checksum does not fit"),
        (written([]) + b"x", "goes on behind its end"),
        (written([])[:-1], "cut short"),
    ],
)
def test_what_is_wrong_is_one_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(BadRecord, match=sentence):
        read(data)


def spelled(record: Record, **changes: Any) -> tuple[bytes, dict[str, Any], bytes]:
    letter, facts, body = records.spell(record)
    return letter, {**facts, **changes}, body


TASK = Task("q", "n", 1.0, "POST", "/", (("a", "b"),))
PULLED = PullTask("q", "n", 1, b"", b"t")
ACCOUNT = Account(User("a@x", False, "1"), 1.0)


@pytest.mark.parametrize(
    ("record", "changes"),
    [
        (TASK, {"queue": 1}),
        (TASK, {"queue": ""}),
        (TASK, {"name": "\ud800"}),
        (TASK, {"eta": "soon"}),
        (TASK, {"eta": float("nan")}),
        (TASK, {"eta": float("inf")}),
        (TASK, {"eta": True}),
        (TASK, {"eta": 10**999}),
        (TASK, {"headers": None}),
        (TASK, {"headers": [["a"]]}),
        (TASK, {"headers": [["a", 1]]}),
        (TASK, {"retry": []}),
        (TASK, {"retry": {"limit": None}}),
        (TASK, {"retry": {"a": 1}}),
        (TASK, {"retry": {"limit": 1, "task_retry_limit": 1}}),
        (TASK, {"retries": -1}),
        (TASK, {"retries": 1.0}),
        (TASK, {"retries": 2**63}),
        (TASK, {"first_tried_at": "x"}),
        (PULLED, {"tag": "\u0100"}),
        (PULLED, {"eta_microseconds": -(2**63) - 1}),
        (ACCOUNT, {"email": None}),
        (ACCOUNT, {"seen_at": None}),
        (Counter("sequential", 1), {"next": 0}),
        (Blob("k", 1), {"size": "1"}),
    ],
)
def test_facts_of_another_type_are_refused(
    record: Record, changes: dict[str, Any]
) -> None:
    letter, facts, body = spelled(record)
    assert records.read(letter, facts, body) == record
    with pytest.raises(BadRecord):
        records.read(*spelled(record, **changes))


def test_every_name_of_a_queues_numbers_is_read() -> None:
    retry = dict.fromkeys(RETRY_NAMES, 1.0)
    read_task = records.read(*spelled(TASK, retry=retry))
    assert isinstance(read_task, Task)
    assert read_task.retry == retry
    RetryParameters.of(retry)


def test_only_true_makes_an_administrator() -> None:
    for value in (1, "yes", None):
        account = records.read(*spelled(ACCOUNT, is_admin=value))
        assert isinstance(account, Account)
        assert not account.user.is_admin


@pytest.mark.parametrize("name", ["MAXIMUM_BODY_BYTES", "MAXIMUM_FACTS_BYTES"])
def test_what_could_not_be_read_is_not_written(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    writer = DataWriter(io.BytesIO(), "dev~app", "", 0.0)
    monkeypatch.setattr(files, name, 3)
    with pytest.raises(BadRecord, match="too long"):
        writer.write(Entity(b"abcd") if "BODY" in name else TASK)


def test_facts_are_ascii() -> None:
    _, facts, _ = records.spell(Account(User("ä@x", False, "1"), 1.0))
    assert json.loads(records.bytes_of(facts))["email"] == "ä@x"
    assert records.bytes_of(facts).isascii()


def test_the_program_of_the_page_reads_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "reference" / "data-format.md").read_text("utf-8")
    program = page.partition("```python\n")[2].partition("```")[0]
    path = tmp_path / "file"
    path.write_bytes(written([Entity(simple(7)), TASK, Entity(named("n"))]))
    monkeypatch.setattr(sys, "argv", ["program", str(path)])
    exec(compile(program, "<page>", "exec"), {})
    assert capsys.readouterr().out == "A:7\nA:n\n"


def test_the_page_has_every_record() -> None:
    page = (ROOT / "docs" / "reference" / "data-format.md").read_text("utf-8")
    examples: list[Record] = [
        *(TASK, PULLED, ACCOUNT, Counter("sequential", 1), Blob("k", 1)),
        *(Password("a@x", "h", 1.0), PausedQueue("q"), Entity(b""), BlobPiece(b"x")),
    ]
    rows = {row[3]: row for row in page.splitlines() if row.startswith("| `")}
    for record in examples:
        letter, facts, _ = records.spell(record)
        for fact in facts:
            assert f"`{fact}`" in rows[letter.decode()]
    assert len(rows) == len(examples)
