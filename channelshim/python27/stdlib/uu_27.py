"""uu: files as lines of printable characters."""

from __future__ import annotations

import binascii
import os
import sys
from typing import Any

from channelshim.python27.helpers.files import file, plain_file
from channelshim.python27.strings import STRINGS

__all__ = ["Error", "encode", "decode"]

_LINE_BYTES = 45


class Error(Exception):
    """A file is no such lines."""


def _opened(name: Any, mode: str, standard: str) -> tuple[Any, Any]:
    """Return a binary file, and what is to be closed afterwards."""
    if isinstance(name, STRINGS):
        if name == "-":
            return plain_file(getattr(sys, standard)), None
        opened = file(name, mode)
        return plain_file(opened), opened
    return plain_file(name), None


def encode(in_file: Any, out_file: Any, name: Any = None, mode: Any = None) -> None:
    """Write a file as lines."""
    if isinstance(in_file, STRINGS) and in_file != "-":
        name = name or os.path.basename(in_file)
        mode = os.stat(in_file).st_mode if mode is None else mode
    source, to_close = _opened(in_file, "rb", "stdin")
    target, also_to_close = _opened(out_file, "wb", "stdout")
    number = 0o666 if mode is None else mode
    target.write(f"begin {number & 0o777:o} {name or '-'}\n".encode())
    while data := source.read(_LINE_BYTES):
        target.write(binascii.b2a_uu(data))
    target.write(b" \nend\n")
    for each in (to_close, also_to_close):
        if each is not None:
            each.close()


def decode(
    in_file: Any, out_file: Any = None, mode: Any = None, quiet: Any = 0
) -> None:
    """Read a file out of lines."""
    source, to_close = _opened(in_file, "rb", "stdin")
    try:
        _decode(source, out_file, mode, quiet)
    finally:
        if to_close is not None:
            to_close.close()


def _decode(source: Any, out_file: Any, mode: Any, quiet: Any) -> None:
    while True:
        header = source.readline()
        if not header:
            raise Error("No valid begin line found in input file")
        fields = header.split(b" ", 2)
        if len(fields) == 3 and fields[0] == b"begin" and _is_octal(fields[1]):
            break
    if out_file is None:
        out_file = fields[2].rstrip().decode("utf-8", "surrogateescape")
        if os.path.exists(out_file):
            raise Error(f"Cannot overwrite existing file: {out_file}")
        if out_file.startswith(os.sep) or f"..{os.sep}" in out_file:
            raise Error(f"Refusing to write to {out_file} due to directory traversal")
    mode = int(fields[1], 8) if mode is None else mode
    target, to_close = _opened(out_file, "wb", "stdout")
    if to_close is not None:
        os.chmod(out_file, mode & 0o777)
    line = source.readline()
    while line and line.strip(b" \t\r\n\f") != b"end":
        try:
            data = binascii.a2b_uu(line)
        except binascii.Error as error:
            # Lines of broken encoders are longer than they say.
            if not quiet:
                sys.stderr.write(f"Warning: {error}\n")
            length = ((line[0] - 32) & 63) * 4 // 3 + 5
            data = binascii.a2b_uu(line[:length])
        target.write(data)
        line = source.readline()
    if to_close is not None:
        to_close.close()
    if not line:
        raise Error("Truncated input file")


def _is_octal(digits: bytes) -> bool:
    try:
        int(digits, 8)
    except ValueError:
        return False
    return True
