"""A body as it comes: whole within its bounds, or refused, and told once."""

from __future__ import annotations

import tempfile
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.appserver import form_bounds
from channelshim.server.request_body import Upload

MAXIMUM_BYTES = 50


@pytest.fixture(autouse=True, scope="module")
def memory() -> Any:
    """Keep 10 bytes of a body in memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(form_bounds, "BODY_MEMORY_BYTES", 10)
        yield


class Reader:
    """Reads an upload.

    Attributes:
        ends: how often it was told of the end.
    """

    def __init__(self, upload: Upload) -> None:
        self.ends = 0
        self._upload = upload
        upload.read(MAXIMUM_BYTES, self._note_end)

    def _note_end(self) -> None:
        assert self._upload.is_whole is not bool(self._upload.refusal)
        self.ends += 1


@given(
    st.lists(st.binary(max_size=20)),
    st.integers(0, 10),
    st.sampled_from(["whole", "cut", "dripping"]),
)
def test_body_is_whole_or_refused(pieces: list[bytes], begun: int, how: str) -> None:
    upload = Upload(None)
    for piece in pieces[:begun]:
        upload.write(piece)
    reader = Reader(upload)
    for piece in pieces[begun:]:
        upload.write(piece)
        upload.settle()
    if how == "cut":
        upload.cut(HTTPStatus.BAD_REQUEST)
    if how != "dripping":
        upload.finish()
    for _ in range(2):
        upload.settle()
    body = b"".join(pieces)
    if len(body) > MAXIMUM_BYTES:
        assert upload.refusal == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    elif how == "cut":
        assert upload.refusal == HTTPStatus.BAD_REQUEST
    elif how == "whole":
        file, is_on_disk = upload.take()
        assert file.read() == body
        assert upload.size == len(body)
        assert is_on_disk is (len(body) > 10)
        file.close()
    is_over = how != "dripping" or len(body) > MAXIMUM_BYTES
    assert upload.is_whole is (is_over and upload.refusal is None)
    assert reader.ends == is_over


def test_announced_length_is_judged_before_anything_comes() -> None:
    upload = Upload(MAXIMUM_BYTES + 1)
    reader = Reader(upload)
    assert upload.refusal == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert reader.ends == 1
    upload.write(b"nobody keeps this")
    upload.finish()
    assert not upload.is_whole


@pytest.mark.parametrize("size", [11, 40])
def test_full_disk_refuses(
    size: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: open("/dev/full", "w+b"))
    upload = Upload(size)
    reader = Reader(upload)
    upload.write(b"x" * size)
    upload.finish()
    upload.settle()
    assert upload.refusal == HTTPStatus.SERVICE_UNAVAILABLE
    assert reader.ends == 1
    (record,) = caplog.records
    assert "a body could not be kept" in record.getMessage()
    assert record.exc_info is None


def test_body_that_nobody_reads_is_not_kept() -> None:
    upload = Upload(None)
    upload.write(b"x" * 9)
    upload.drop()
    upload.write(b"x" * 1000)
    upload.finish()
    upload.settle()
    assert upload.size == 9
