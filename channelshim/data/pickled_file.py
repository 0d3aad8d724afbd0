"""The file of the old development server before it used SQLite: a pickle of entities.

Nothing is unpickled: a pickle is a program, which may call anything. The file that the
old server wrote is a list of byte strings, so its instructions are read one by one,
the byte strings are handed on, and whatever makes no list of byte strings is refused.

Source: SDK 1.9.88, api/datastore_file_stub.py, DatastoreFileStub.__WriteDatastore; the
instructions are those of Python's pickletools.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from typing import IO, Final

from channelshim.data.records import BadRecord

MAXIMUM_RECORD_BYTES: Final = 64 << 20
"""An entity has about 1 MB; a file that promises more is not believed."""

_BYTES: Final = frozenset({"BINSTRING", "SHORT_BINSTRING"})
"""A byte string of Python 2; pickletools hands its bytes over as Latin-1."""

_BYTES3: Final = frozenset({"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"})
"""The same in Python 3."""

_TEXT: Final = frozenset({"BINUNICODE", "SHORT_BINUNICODE"})
"""Python 3 writes bytes for Python 2 as text to be encoded as Latin-1."""

_ENCODING: Final = "latin1"
_ENCODER: Final = ("GLOBAL", "_codecs encode")

_STRUCTURE: Final = frozenset(
    {"PROTO", "FRAME", "EMPTY_LIST", "LIST", "MARK", "APPEND", "APPENDS", "STOP"}
    | {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "TUPLE", "TUPLE2", "REDUCE"}
)
"""What makes a list of them, and notes where they are; harmless, as nothing is done."""

_NUMBERS: Final = frozenset(
    {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"}
)
"""The last thing in the list may be a moment."""


class _Bounded:
    """A file that gives no more at once than an entity can have."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        if size > MAXIMUM_RECORD_BYTES:
            raise BadRecord(f"it has more than {MAXIMUM_RECORD_BYTES:,} bytes")
        return self._file.read(size)

    def readline(self) -> bytes:
        line = self._file.readline(MAXIMUM_RECORD_BYTES)
        if len(line) == MAXIMUM_RECORD_BYTES:
            raise BadRecord(f"it has more than {MAXIMUM_RECORD_BYTES:,} bytes")
        return line

    def tell(self) -> int:
        return self._file.tell()


def read_pickled(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the byte strings of the list, from where the file stands to its end.

    Raises:
        BadRecord: what comes after those that were yielded is something else.
    """
    instructions = pickletools.genops(_Bounded(file))  # type: ignore[arg-type]
    while True:
        try:
            instruction = next(instructions, None)
        except BadRecord:
            raise
        except (ValueError, IndexError, OverflowError) as error:
            raise BadRecord(f"the pickle is damaged: {error}") from None
        if instruction is None:
            break
        opcode, argument, _ = instruction
        found = _bytes_of(opcode.name, argument)
        if found is not None:
            yield found
    if file.read(1):
        raise BadRecord("the pickle goes on behind its end")


def _bytes_of(name: str, argument: object) -> bytes | None:
    """Return the byte string that an instruction holds, or None."""
    if name in _BYTES or (name in _TEXT and argument != _ENCODING):
        try:
            return str(argument).encode("latin-1")
        except UnicodeEncodeError:
            raise BadRecord("the pickle holds text where entities are") from None
    if name in _BYTES3:
        assert isinstance(argument, bytes)
        return argument
    is_harmless = name in _STRUCTURE or name in _NUMBERS or name in _TEXT
    if not is_harmless and (name, argument) != _ENCODER:
        raise BadRecord(
            f"the pickle holds more than a list of byte strings ({name}), and is not "
            "the old server's"
        )
    return None
