"""Frames of the server against the websockets library's own, and poll answers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode

from channelshim.protocol import frames

MASK = b"\x01\x02\x03\x04"


def masked(opcode: int, payload: bytes) -> bytes:
    body = bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))
    return bytes((0x80 | opcode, 0x80 | len(payload))) + MASK + body


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536])
def test_text_frames_are_the_librarys_at_every_border(size: int) -> None:
    text = "x" * size
    expected = Frame(Opcode.TEXT, text.encode()).serialize(mask=False)
    assert frames.text_frame(text) == expected


@given(st.text(max_size=300))
def test_any_text_is_framed_as_its_utf8(text: str) -> None:
    expected = Frame(Opcode.TEXT, text.encode()).serialize(mask=False)
    assert frames.text_frame(text) == expected


@pytest.mark.parametrize("reason", ["", "Invalid+token.", "Token+timed+out."])
def test_close_frames_are_the_librarys(reason: str) -> None:
    payload = Close(4401, reason).serialize()
    expected = Frame(Opcode.CLOSE, payload).serialize(mask=False)
    assert frames.close_frame(4401, reason) == expected


def test_the_ping_is_the_librarys() -> None:
    assert frames.PING_FRAME == Frame(Opcode.PING, b"").serialize(mask=False)


@given(st.binary(max_size=125))
def test_pongs_are_the_librarys(payload: bytes) -> None:
    expected = Frame(Opcode.PONG, payload).serialize(mask=False)
    assert frames.pong_frame(payload) == expected


def test_the_hello_is_json_with_the_number() -> None:
    assert json.loads(frames.hello_text(1 << 53)) == {"id": 1 << 53}


@pytest.mark.parametrize("payload", [b"", b"12345"])
def test_a_pong_is_read_and_measured(payload: bytes) -> None:
    data = masked(frames.OPCODE_PONG, payload)
    frame = frames.PlainFrame(frames.OPCODE_PONG, len(data), None)
    assert frames.read_plain_frame(data) == frame
    assert frames.read_plain_frame(data + b"more") == frame


def test_a_close_is_read_with_its_code_or_without() -> None:
    with_code = masked(frames.OPCODE_CLOSE, Close(1001, "away").serialize())
    assert frames.read_plain_frame(with_code) == (8, len(with_code), 1001)
    without = masked(frames.OPCODE_CLOSE, b"")
    assert frames.read_plain_frame(without) == (8, 6, None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        masked(frames.OPCODE_PONG, b"")[:5],
        masked(frames.OPCODE_PONG, b"12345")[:-1],
        masked(frames.OPCODE_TEXT, b"hi"),
        masked(frames.OPCODE_PING, b""),
        # Not final; with a reserved bit; not masked; longer than a control frame.
        b"\x0a" + masked(frames.OPCODE_PONG, b"")[1:],
        b"\xca" + masked(frames.OPCODE_PONG, b"")[1:],
        b"\x8a\x04abcd",
        b"\x8a\xfe\x00\x80" + bytes(140),
        # A close code of one byte (RFC 6455 5.5.1 wants two).
        masked(frames.OPCODE_CLOSE, b"\x03"),
    ],
)
def test_anything_else_is_left_to_the_library(data: bytes) -> None:
    assert frames.read_plain_frame(data) is None


@given(st.binary(max_size=200))
def test_no_bytes_are_read_beyond_their_end(data: bytes) -> None:
    frame = frames.read_plain_frame(data)
    assert frame is None or 6 <= frame.length <= len(data)


@given(st.lists(st.text()), st.integers(0, 1 << 53))
def test_a_poll_answer_is_ascii_json_that_keeps_every_text(
    texts: list[str], number: int
) -> None:
    answer = frames.poll_answer(number, texts, 1000)
    assert json.loads(answer.decode("ascii")) == {
        "id": number,
        "messages": texts,
        "retry_ms": 1000,
    }


def test_a_refused_poll_says_code_and_description() -> None:
    answer = json.loads(frames.poll_error(401, "Invalid+token."))
    assert answer == {"code": 401, "description": "Invalid+token."}
