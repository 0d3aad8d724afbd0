"""Files of ours: records one after the other, each with a checksum, and a last one.

    file    := MAGIC head record* end
    each    := letter(1) facts-length(4) body-length(4) facts body crc32(4)

Numbers are big-endian. The end says how many records there are and the SHA-256 of all
bytes before it. So a file that was cut short, or in which any byte has changed, is
known as such before anybody uses it, and most often with the record's number.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Any, Final

from channelshim.data import records
from channelshim.data.records import BadRecord, Record

MAGIC: Final = b"channelshim data 1\n"

FAMILY: Final = b"channelshim data "
"""How the files of every version begin."""

HEAD: Final = b"H"
END: Final = b"Z"

MAXIMUM_FACTS_BYTES: Final = 1 << 20
"""A task has at most 100 KB of headers and path."""

MAXIMUM_BODY_BYTES: Final = 64 << 20
"""A request of App Engine has at most 32 MB, and so has what it can store."""

PIECE_BYTES: Final = 256 << 10
"""Of a blob in one record."""

_FRAME: Final = struct.Struct(">cII")
_CHECK: Final = struct.Struct(">I")


class DataWriter:
    """Writes a file.

    Args:
        file: binary, empty; the caller closes it.
        application: whose data it is, "dev~myapp".
        made_by: program and version.
        made_at: Unix seconds.
    """

    def __init__(
        self, file: IO[bytes], application: str, made_by: str, made_at: float
    ) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._records = 0
        self._put(MAGIC)
        facts = {"application": application, "made_by": made_by, "made_at": made_at}
        self._put(_frame(HEAD, facts, b""))

    def write(self, record: Record) -> None:
        """Add a record.

        Raises:
            BadRecord: it is too long.
        """
        self._put(_frame(*records.spell(record)))
        self._records += 1

    def finish(self) -> None:
        """Write the end. Nothing may follow."""
        digest = self._digest.hexdigest()
        self._file.write(_frame(END, {"records": self._records, "sha256": digest}, b""))

    def _put(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)


def _frame(letter: bytes, facts: Mapping[str, Any], body: bytes) -> bytes:
    head = records.bytes_of(facts)
    if len(head) > MAXIMUM_FACTS_BYTES or len(body) > MAXIMUM_BODY_BYTES:
        raise BadRecord("it is too long")
    frame = _FRAME.pack(letter, len(head), len(body)) + head + body
    return frame + _CHECK.pack(zlib.crc32(frame))


class DataReader:
    """Reads a file, and checks all of it on the way.

    Args:
        file: binary, seekable; stays the caller's.
        name: for sentences.

    Attributes:
        name: as given.
        size: of the file, in bytes.
        application: whose data it is.

    Raises:
        BadRecord: it does not begin as such a file does.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.name: str = name
        self.size: int = file.seek(0, os.SEEK_END)
        self.application: str = self._begin()

    def records(self) -> Iterator[tuple[int, Record]]:
        """Yield each record with how many bytes are read, from the first one on.

        Raises:
            BadRecord: the one after those that were yielded, or the file as a whole, is
                damaged.
        """
        self._begin()
        count = 0
        while True:
            letter, facts, body = self._read_frame()
            if letter == END:
                break
            yield self._file.tell(), records.read(letter, facts, body)
            count += 1
        digest = self._digest.hexdigest()
        if facts.get("records") != count or facts.get("sha256") != digest:
            raise BadRecord("the file is damaged: its checksum does not fit")
        if self._file.read(1):
            raise BadRecord("the file goes on behind its end")

    def _begin(self) -> str:
        self._file.seek(0)
        self._digest = hashlib.sha256()
        magic = self._take(len(MAGIC))
        if magic != MAGIC:
            if magic.startswith(FAMILY):
                raise BadRecord("the file was written by a newer channelshim: upgrade")
            raise BadRecord("the file is not one of channelshim data export")
        self._digest.update(magic)
        letter, facts, _ = self._read_frame()
        if letter != HEAD:
            raise BadRecord("the file has no head")
        return records.name(facts, "application")

    def _read_frame(self) -> tuple[bytes, dict[str, Any], bytes]:
        begin = self._take(_FRAME.size)
        letter, facts_length, body_length = _FRAME.unpack(begin)
        if facts_length > MAXIMUM_FACTS_BYTES or body_length > MAXIMUM_BODY_BYTES:
            # Before so much is read, from a file that may not be ours.
            raise BadRecord("the file is damaged: a length is out of bounds")
        content = self._take(facts_length + body_length)
        end = self._take(_CHECK.size)
        if _CHECK.unpack(end) != (zlib.crc32(content, zlib.crc32(begin)),):
            raise BadRecord("the file is damaged: the checksum does not fit")
        if letter != END:
            self._digest.update(begin)
            self._digest.update(content)
            self._digest.update(end)
        facts = records.facts_of(content[:facts_length])
        return letter, facts, content[facts_length:]

    def _take(self, length: int) -> bytes:
        data = self._file.read(length)
        if len(data) < length:
            raise BadRecord("the file is cut short")
        return data
