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


def test_upload_that_breaks_off_leaves_the_old_blob(blobs):
    class Broken:
        def read(self, size):
            raise OSError("the disk")

    blobs.put("key", io.BytesIO(b"old"))
    with pytest.raises(OSError, match="the disk"):
        blobs.put("key", Broken())
    assert blobs.open("key").read() == b"old"
