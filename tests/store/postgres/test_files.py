"""Blobs in pieces, and mails."""

from __future__ import annotations

import io
import os

import pytest

from channelshim.store.postgres import files


class Trickle(io.RawIOBase):
    """A stream that gives less at a time than it is asked for."""

    def __init__(self, data):
        self._rest = data

    def read(self, size=-1):
        part, self._rest = self._rest[: min(size, 7)], self._rest[min(size, 7) :]
        return part


@pytest.fixture
def blobs(open_store, monkeypatch):
    monkeypatch.setattr(files, "STORE_PIECE_BYTES", 10)
    return open_store().blobs


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 20, 25])
def test_blob_is_read_whole_and_in_parts(blobs, size):
    data = os.urandom(size)
    blobs.put("key", Trickle(data))
    with blobs.open("key") as file:
        assert file.read() == data
        for start in (0, 3, 10, 19, 24, 30):
            file.seek(start)
            assert file.read(5) == data[start : start + 5]
        assert file.seek(-1, io.SEEK_END) == max(size - 1, 0) or size == 0


def test_blob_is_replaced_and_deleted(blobs, open_store):
    blobs.put("key", io.BytesIO(b"x" * 30))
    blobs.put("key", io.BytesIO(b"short"))
    other = open_store().blobs
    assert other.open("key").read() == b"short"
    other.delete("key")
    other.delete("key")
    with pytest.raises(FileNotFoundError):
        blobs.open("key")


def test_reader_of_a_replaced_blob_reads_on(blobs, monkeypatch):
    old = bytes(range(100))
    blobs.put("key", io.BytesIO(old))
    with blobs.open("key") as file:
        begun = file.read(15)
        blobs.put("key", io.BytesIO(b"new" * 40))
        assert begun + file.read() == old
        # What nobody can be reading any more goes with a later write.
        monkeypatch.setattr(files, "STORE_REPLACED_SECONDS", -1)
        blobs.put("other", io.BytesIO(b"x"))
        file.seek(0)
        with pytest.raises(FileNotFoundError):
            file.read()
    assert blobs.open("key").read() == b"new" * 40


def test_blob_of_before_its_pieces_had_a_key_is_read_and_replaced(blobs, open_store):
    with open_store().database.write() as connection:
        connection.run("INSERT INTO blob VALUES (%s, 4, 10, NULL)", (b"key",))
        connection.run("INSERT INTO blob_piece VALUES (%s, 0, %s)", (b"key", b"four"))
    assert blobs.open("key").read() == b"four"
    blobs.put("key", io.BytesIO(b"new"))
    assert blobs.open("key").read() == b"new"
    blobs.delete("key")
    with pytest.raises(FileNotFoundError):
        blobs.open("key")


def test_upload_that_breaks_off_leaves_the_old_blob(blobs):
    class Broken:
        def read(self, size):
            raise OSError("the disk")

    blobs.put("key", io.BytesIO(b"old"))
    with pytest.raises(OSError, match="the disk"):
        blobs.put("key", Broken())
    assert blobs.open("key").read() == b"old"
