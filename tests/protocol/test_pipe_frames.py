"""Frames of the pipe: what is sent comes out, however it is cut; garbage does not."""

from __future__ import annotations

import contextlib

import hypothesis
import pytest
from hypothesis import strategies as st

from channelshim.errors import BrokenFrame
from channelshim.protocol import pipe_frames
from channelshim.protocol.pipe_frames import (
    HEADER,
    MAXIMUM_FRAME_BYTES,
    Frame,
    FrameReader,
    divided,
    encode,
    opened,
    pack_measured,
    pack_texts,
    unpack_texts,
)

# Half of a surrogate pair, line feeds and NUL are text as any other.
TEXTS = st.lists(
    st.text(st.characters(codec=None, exclude_categories=())) | st.just("a\nb")
)
FRAMES = st.lists(
    st.tuples(
        st.integers(0, 255),
        st.integers(0, 2**64 - 1),
        TEXTS,
        st.binary(max_size=200),
        st.integers(0, 255),
    ),
    max_size=6,
)


@hypothesis.given(TEXTS)
def test_texts_come_out_as_they_went_in(texts: list[str]) -> None:
    assert unpack_texts(pack_texts(texts)) == texts


@hypothesis.given(TEXTS)
def test_both_ways_to_pack_say_the_same(texts: list[str]) -> None:
    assert unpack_texts(pack_measured(texts)) == unpack_texts(pack_texts(texts))


def test_halves_of_a_pair_stay_two() -> None:
    texts = ["\ud83d", "\ude00", "\ud83d\ude00"]
    assert unpack_texts(pack_texts(texts)) == texts


@hypothesis.given(FRAMES, st.data())
def test_frames_are_found_however_the_bytes_are_cut(
    frames: list[tuple[int, int, list[str], bytes, int]], data: st.DataObject
) -> None:
    stream = b"".join(encode(*frame) for frame in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader, found = FrameReader(), list[Frame]()
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += reader.feed(stream[begin:end])
    assert [
        (each.kind, each.number, *opened(each), each.flags) for each in found
    ] == frames


def test_frames_are_found_byte_by_byte() -> None:
    stream = encode(3, 7, ["a"], b"b") + encode(4, 8)
    reader = FrameReader()
    found = [frame for byte in stream for frame in reader.feed(bytes([byte]))]
    assert [(each.kind, each.number) for each in found] == [(3, 7), (4, 8)]


# Bytes of any kind, and such as have a length that fits.
GARBAGE = st.binary(max_size=300) | st.binary(max_size=200).map(
    lambda payload: HEADER.pack(len(payload), 1, 0, 0, 1) + payload
)


@hypothesis.given(GARBAGE)
def test_garbage_is_a_frame_or_refused_or_waited_for(garbage: bytes) -> None:
    try:
        frames = FrameReader().feed(garbage)
    except BrokenFrame:
        return
    for frame in frames:
        with contextlib.suppress(BrokenFrame):
            opened(frame)


def test_length_that_nobody_sends_is_refused() -> None:
    header = HEADER.pack(MAXIMUM_FRAME_BYTES + 1, 1, 0, 0, 1)
    with pytest.raises(BrokenFrame):
        FrameReader().feed(header)


def test_header_with_something_where_nothing_belongs_is_refused() -> None:
    with pytest.raises(BrokenFrame):
        FrameReader().feed(HEADER.pack(4, 1, 0, 1, 1))


def test_frame_that_is_too_long_is_not_made() -> None:
    with pytest.raises(BrokenFrame):
        encode(1, body=b"a" * MAXIMUM_FRAME_BYTES)


@pytest.mark.parametrize("payload", [b"", b"\0\0\0", b"\5\0\0\0ab"])
def test_payload_that_is_none_is_refused(payload: bytes) -> None:
    with pytest.raises(BrokenFrame):
        divided(payload)


@pytest.mark.parametrize(
    "packed",
    [
        b"\0\xff",
        b"\1",
        b"\1\2\0\0\0",
        b"\1\1\0\0\0\2\0\0\0a",
        b"\1\xff\xff\xff\xffabc",
        b"\2abc",
    ],
)
def test_texts_that_nothing_packs_to_are_refused(packed: bytes) -> None:
    with pytest.raises(BrokenFrame):
        unpack_texts(packed)


def test_no_texts_take_no_bytes() -> None:
    assert opened(Frame(1, 0, 0, pipe_frames.encode(1)[HEADER.size :])) == ([], b"")
