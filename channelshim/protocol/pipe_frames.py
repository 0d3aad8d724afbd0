"""Frames between a front and an app process, on the Unix socket that joins them.

A frame is a length, a header of fixed size, and a payload: some texts and some bytes.
The header names its kind and a number: that of the request or question which it belongs
to. What a kind's texts mean stands in server/pipe_front.py and server/pipe_app.py.

Theory of the texts. They are any text that Python has, so they travel as UTF-8 with
surrogates passed through, which is exact in both directions. Almost no text has a line
feed in it, so texts are joined by line feeds, and divided there by one call in C; where
one has, the lengths of all stand before them instead. Joining is chosen only when the
joined text has exactly as many line feeds as joining has put there, so it cannot be
divided elsewhere. tests/protocol/test_pipe_frames.py compares both ways.

Whoever is at the other end may be broken: whatever the bytes are, a reader either
returns frames, waits for more, or raises BrokenFrame, and holds no more than one frame
and one read.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from channelshim.errors import BrokenFrame

HEADER: Final = struct.Struct("<IBBHQ")
"""Length of the payload, kind, flags, nothing, number."""

MAXIMUM_FRAME_BYTES: Final = 4 << 20
"""Of a payload. Longer bodies go in parts or as a file's descriptor; headers and client
ids are far shorter."""

PART_BYTES: Final = 256 << 10
"""Of a longer body's parts: what a loop copies in some 50 µs. A request's body that is
longer goes as a file's descriptor."""

_SIZE: Final = struct.Struct("<I")
_JOINED: Final = b"\0"
_MEASURED: Final = b"\1"
_UTF8: Final = "utf-8"
_ERRORS: Final = "surrogatepass"


class Kind:
    """What a frame is: the first ones go to an app process, the next come from it."""

    SETUP: Final = 1
    """The first frame: bytes in JSON, what the process is to be."""
    REQUEST: Final = 2
    """A request from outside: length of the body, then names and values."""
    DISPATCH: Final = 3
    """A request of the platform's own; see pipe_messages."""
    CREDIT: Final = 4
    """One more piece of a streamed answer is taken."""
    CANCEL: Final = 5
    """Nobody wants the rest of an answer."""
    STOP: Final = 6
    """End, within so many seconds."""
    FULL: Final = 7
    """Refuse messages for number 1, since too many wait for Redis; take them for 0."""

    # From an app process.
    READY: Final = 16
    """The app is loaded: requests may come."""
    FAILED: Final = 17
    """It cannot be loaded: a sentence, and the app's own traceback."""
    PART: Final = 18
    """A part of the body of the next frame that has the same number."""
    WHOLE: Final = 19
    """A whole answer: status, then names and values of headers; its body, or the rest.
    No text at all: the app has not answered."""
    PIECE: Final = 20
    """A piece of a streamed answer; the first one has the head's texts."""
    END: Final = 21
    """The end of a streamed answer."""
    FILE: Final = 22
    """An answer that is a file: offset and length, then the head; with a descriptor."""
    RESPONSE: Final = 23
    """The answer to a request of the platform's own, as that of WHOLE."""
    PUBLISH: Final = 24
    """A message, which is the body, and the client ids that it is for."""
    NOTE: Final = 25
    """A word to the front that needs no answer: its name, and what goes with it."""

    # Both ways.
    ASK: Final = 32
    """A question: its name, and what goes with it."""
    ANSWER: Final = 33
    """Its answer."""


class Flag:
    """Bits of a header's flags."""

    HAS_FILE: Final = 1
    """A file's descriptor has come with the frame."""
    IS_BROKEN: Final = 2
    """The answer broke off, or the question could not be answered."""


class Frame(NamedTuple):
    """One frame as it came.

    Attributes:
        kind: of Kind, or unknown.
        flags: of Flag.
        number: of what it belongs to.
        payload: see `divided`.
    """

    kind: int
    flags: int
    number: int
    payload: bytes


def encode(
    kind: int,
    number: int = 0,
    texts: Sequence[str] = (),
    body: bytes = b"",
    flags: int = 0,
) -> bytes:
    """Return a frame as bytes.

    Raises:
        BrokenFrame: it is longer than MAXIMUM_FRAME_BYTES.
    """
    packed = pack_texts(texts) if texts else b""
    length = _SIZE.size + len(packed) + len(body)
    if length > MAXIMUM_FRAME_BYTES:
        raise BrokenFrame(f"a frame of {length} bytes is too long to be sent")
    header = HEADER.pack(length, kind, flags, 0, number)
    return b"".join((header, _SIZE.pack(len(packed)), packed, body))


def divided(payload: bytes) -> tuple[bytes, bytes]:
    """Return the packed texts and the body of a payload.

    Raises:
        BrokenFrame: it is none.
    """
    if len(payload) < _SIZE.size:
        raise BrokenFrame("a frame without a payload")
    end = _SIZE.size + _SIZE.unpack_from(payload)[0]
    if end > len(payload):
        raise BrokenFrame("a frame whose texts are longer than itself")
    return payload[_SIZE.size : end], payload[end:]


def opened(frame: Frame) -> tuple[list[str], bytes]:
    """Return the texts and the body of a frame.

    Raises:
        BrokenFrame: its payload is none.
    """
    packed, body = divided(frame.payload)
    return unpack_texts(packed), body


def pack_texts(texts: Sequence[str]) -> bytes:
    """Return texts as bytes; see the theory."""
    joined = "\n".join(texts)
    if texts and joined.count("\n") == len(texts) - 1:
        return _JOINED + joined.encode(_UTF8, _ERRORS)
    return pack_measured(texts)


def pack_measured(texts: Sequence[str]) -> bytes:
    """Return texts as bytes the way that needs no look at them."""
    lengths = struct.pack(f"<{len(texts) + 1}I", len(texts), *map(len, texts))
    return _MEASURED + lengths + "".join(texts).encode(_UTF8, _ERRORS)


def unpack_texts(packed: bytes) -> list[str]:
    """Return the texts that were packed; none for no bytes.

    Raises:
        BrokenFrame: nothing packs to this.
    """
    way = packed[:1]
    try:
        if way == _JOINED:
            return packed[1:].decode(_UTF8, _ERRORS).split("\n")
        if way == _MEASURED:
            return _measured(packed)
    except (UnicodeDecodeError, struct.error) as error:
        raise BrokenFrame(f"texts that cannot be read: {error}") from error
    if packed:
        raise BrokenFrame("texts that are packed in no known way")
    return []


def _measured(packed: bytes) -> list[str]:
    count = _SIZE.unpack_from(packed, 1)[0]
    begin = 1 + _SIZE.size
    end = begin + count * _SIZE.size
    if end > len(packed):
        raise BrokenFrame("more texts than there are bytes")
    lengths = struct.unpack_from(f"<{count}I", packed, begin)
    text = packed[end:].decode(_UTF8, _ERRORS)
    if sum(lengths) != len(text):
        raise BrokenFrame("texts whose lengths are wrong")
    texts, at = [], 0
    for length in lengths:
        texts.append(text[at : at + length])
        at += length
    return texts


class FrameReader:
    """Finds the frames in what comes over a socket, however it is cut."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        # Bytes without which looking again finds nothing new.
        self._missing = 0

    def feed(self, data: bytes) -> list[Frame]:
        """Take what has come; return the frames that are complete with it.

        Raises:
            BrokenFrame: it is no frame; nothing can be read from this end any more.
        """
        if self._chunks:
            self._chunks.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return []
            data = b"".join(self._chunks)
            self._chunks = []
        frames: list[Frame] = []
        at = 0
        left = len(data)
        while left >= HEADER.size:
            length, kind, flags, nothing, number = HEADER.unpack_from(data, at)
            if length > MAXIMUM_FRAME_BYTES or nothing:
                raise BrokenFrame("what has come is no frame")
            end = at + HEADER.size + length
            if end > len(data):
                self._keep(data, at, end - len(data))
                return frames
            begin = at + HEADER.size
            frames.append(Frame(kind, flags, number, data[begin:end]))
            at = end
            left = len(data) - at
        if left:
            self._keep(data, at, HEADER.size - left)
        return frames

    def _keep(self, data: bytes, at: int, missing: int) -> None:
        self._chunks = [data[at:] if at else data]
        self._missing = missing
