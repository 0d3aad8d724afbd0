"""Bytes on the wire: WebSocket frames of the server, hello and poll answers.

Outgoing frames are built by hand, once for all receivers. Of incoming ones only the
two that every page sends, a masked pong and a masked close, are read here; anything
else goes to the websockets library's own parser: we read the common case fast, and
keep no parser of our own for the hostile ones.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import NamedTuple

OPCODE_TEXT = 0x1
OPCODE_CLOSE = 0x8
OPCODE_PING = 0x9
OPCODE_PONG = 0xA

_FINAL = 0x80
_MASKED = 0x80
_LONGEST_SHORT = 125
_LONGEST_MEDIUM = 0xFFFF

PING_FRAME = bytes((_FINAL | OPCODE_PING, 0))
"""A ping without payload: RFC 6455 5.5.2 asks for none."""


def text_frame(text: str) -> bytes:
    """Return one unmasked final text frame (RFC 6455 5.2)."""
    payload = text.encode("utf-8")
    size = len(payload)
    if size <= _LONGEST_SHORT:
        return b"\x81%c" % size + payload
    if size <= _LONGEST_MEDIUM:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a close frame; reason is at most 123 bytes of ours."""
    payload = struct.pack(">H", code) + reason.encode("utf-8")
    assert len(payload) <= _LONGEST_SHORT
    return bytes((_FINAL | OPCODE_CLOSE, len(payload))) + payload


def hello_text(number: int) -> str:
    """Return the first text of every WebSocket: the number before what follows."""
    return f'{{"id": {number}}}'


def pong_frame(payload: bytes) -> bytes:
    """Return the answer to a ping; payload is at most 125 bytes."""
    assert len(payload) <= _LONGEST_SHORT
    return bytes((_FINAL | OPCODE_PONG, len(payload))) + payload


class PlainFrame(NamedTuple):
    """A short control frame as pages send it.

    Attributes:
        opcode: OPCODE_PONG or OPCODE_CLOSE.
        length: bytes of the whole frame.
        close_code: of a close frame with a code, else None.
    """

    opcode: int
    length: int
    close_code: int | None


def read_plain_frame(data: bytes, at: int = 0) -> PlainFrame | None:
    """Read a masked pong or close that begins at `at`; None for anything else.

    Incomplete frames are "anything else" too.
    """
    if len(data) < at + 6:
        return None
    opcode = data[at] & 0x0F
    if data[at] & 0xF0 != _FINAL or opcode not in (OPCODE_PONG, OPCODE_CLOSE):
        return None
    size = data[at + 1] & 0x7F
    if not data[at + 1] & _MASKED or size > _LONGEST_SHORT or len(data) < at + 6 + size:
        return None
    code = None
    if opcode == OPCODE_CLOSE:
        if size == 1:
            return None
        if size >= 2:
            code = (data[at + 6] ^ data[at + 2]) << 8 | (data[at + 7] ^ data[at + 3])
    return PlainFrame(opcode, 6 + size, code)


def poll_answer(number: int, texts: Sequence[str], retry_milliseconds: int) -> bytes:
    """Return the JSON of a poll.

    Args:
        number: the number of the last of texts, or of the last message before now.
        texts: the messages, oldest first.
        retry_milliseconds: how long the page should wait before it asks again.
    """
    answer = {"id": number, "messages": list(texts), "retry_ms": retry_milliseconds}
    return json.dumps(answer).encode("ascii")


def poll_error(code: int, description: str) -> bytes:
    """Return the JSON of a refused poll: no reason phrase survives HTTP/2."""
    return json.dumps({"code": code, "description": description}).encode("ascii")
