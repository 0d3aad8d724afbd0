"""What a page sends: read alike however it comes, and as the library reads it."""

from __future__ import annotations

from hypothesis import strategies as st
from websockets.frames import Opcode

from channelshim.errors import RemoteProtocolError
from channelshim.protocol import frames
from channelshim.transports.frame_parser import FrameParser
from channelshim.transports.incoming import (
    MAXIMUM_INCOMING_FRAME_BYTES,
    Incoming,
    IncomingFrame,
)
from tests.fuzz.fuzzing import Fuzz, fuzzed

# Within a burst, whatever frames it holds: what the budget cuts is another test's.
LONGEST = 4096

Answered = tuple[list[IncomingFrame], int]


def plainly(data: bytes) -> Answered:
    """Return what wants an answer, by the library's parser alone."""
    answered: list[IncomingFrame] = []
    try:
        for opcode, payload in FrameParser(MAXIMUM_INCOMING_FRAME_BYTES).feed(data):
            if opcode == Opcode.PING:
                answered.append(IncomingFrame(frames.OPCODE_PING, payload))
            elif opcode == Opcode.CLOSE:
                code = int.from_bytes(payload[:2], "big") if payload else None
                close = IncomingFrame(frames.OPCODE_CLOSE, close_code=code)
                answered.append(close)
    except RemoteProtocolError as error:
        return answered, error.close_code
    return answered, 0


def in_pieces(data: bytes, size: int) -> Answered:
    """Return what wants an answer, and why reading ended, if it did."""
    incoming = Incoming()
    answered: list[IncomingFrame] = []
    for at in range(0, len(data), size):
        answered += incoming.feed(data[at : at + size], lambda: 0.0)
        if incoming.failure:
            break
    return answered, incoming.failure


@st.composite
def frame(draw: st.DrawFn) -> bytes:
    payload = draw(st.binary(max_size=130))
    first = draw(st.sampled_from((0x81, 0x89, 0x8A, 0x88, 0x01, 0x80, 0x9A, 0x83)))
    size = draw(st.sampled_from((len(payload), 0, 1, 126, 127)))
    return bytes((first, 0x80 | (size & 0x7F))) + b"\x01\x80\xff\0" + payload


@fuzzed("frames", 200)
def test_frames_are_read_as_the_library_reads_them(fuzz: Fuzz) -> None:
    def claim(data: bytes) -> None:
        data = data[:LONGEST]
        # A page that has sent a close may be told so before its breach of the rules.
        expected = plainly(data)
        assert in_pieces(data, len(data) or 1) == expected
        assert in_pieces(data, 7) == expected

    words = [bytes((first, 0x80)) for first in (0x88, 0x89, 0x8A, 0x81, 0xC8)]
    fuzz.check(claim, st.lists(frame(), max_size=5).map(b"".join), words=words)
