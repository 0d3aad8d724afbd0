"""Source of Python 2.7 to a tree that Python 3 compiles.

A file is read as 2.7 first. Only if that fails and Python 3 can compile it, it is a
Python 3 file and stays as it is: files of an app that has been ported in part. Never
the other way round, for `print ("a", "b")` is valid in both and differs.
"""

from __future__ import annotations
import __future__

import ast
import codecs
import re
import warnings
from dataclasses import dataclass
from typing import Final, Literal

from channelshim.python27.lowering import Lowerer, Remark
from channelshim.python27.parser import Parser
from channelshim.python27.tokens import TooComplexError

Mode = Literal["exec", "eval", "single"]

FLAGS: Final = {
    name: getattr(__future__, name).compiler_flag
    for name in ("absolute_import", "division", "print_function", "unicode_literals")
}
"""Future imports that code inherits, with their flags of `compile`."""

_CODING: Final = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


def decode(source: bytes, filename: str) -> tuple[str, str]:
    """Return a file's text with "\\n" as the only line end, and its encoding.

    A file without a coding line is read as UTF-8, or else as Latin-1, where 2.7
    refuses what is not ASCII.

    Raises:
        SyntaxError: an unknown encoding, bytes that it does not have, a null byte.
    """
    is_marked = source.startswith(codecs.BOM_UTF8)
    if is_marked:
        source = source[3:]
    if b"\0" in source:
        line = source.count(b"\n", 0, source.index(b"\0")) + 1
        raise SyntaxError("source contains a null byte", (filename, line, 1, ""))
    if b"\r" in source:
        source = source.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    encoding = None if is_marked else _named_encoding(source)
    if encoding is None:
        try:
            return source.decode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            return source.decode("latin-1"), "latin-1"
    try:
        text = source.decode(encoding)
    except LookupError:
        message = f"unknown encoding: {encoding}"
        raise SyntaxError(message, (filename, 1, 1, "")) from None
    except ValueError as error:
        start = getattr(error, "start", 0)
        line = source.count(b"\n", 0, start) + 1
        message = f"this byte is not {encoding}, which the coding line names"
        raise SyntaxError(message, (filename, line, 1, "")) from None
    return text, encoding


def _named_encoding(source: bytes) -> str | None:
    first, _, rest = source.partition(b"\n")
    second = rest.partition(b"\n")[0]
    for number, line in enumerate((first, second)):
        match = _CODING.match(line)
        if match:
            return match[1].decode("ascii")
        if number == 0 and line.strip(b" \t\f") and not line.lstrip().startswith(b"#"):
            break
    return None


@dataclass(frozen=True)
class Translation:
    """What became of one source.

    Attributes:
        tree: for `compile(tree, filename, mode, flags=flags, dont_inherit=True)`.
        flags: of the future imports in force.
        is_python3: the source is no Python 2.7 and is left as it is.
        refusals: what cannot be translated, each with its line.
        notes: what differs from 2.7 or will fail.
    """

    tree: ast.Module | ast.Expression | ast.Interactive
    flags: int
    is_python3: bool
    refusals: list[Remark]
    notes: list[Remark]


class RefusedSyntax(SyntaxError):
    """Python 2.7 that cannot be translated; the message says what to write instead."""


def translate(
    source: bytes | str,
    filename: str,
    *,
    flags: int = 0,
    mode: Mode = "exec",
    allow_refused: bool = False,
    allow_python3: bool = True,
) -> Translation:
    """Translate source of Python 2.7.

    Args:
        source: a file's bytes, or text, in which a coding line has no meaning.
        filename: for errors and tracebacks.
        flags: future imports that the source inherits, as flags of `compile`; others
            are ignored.
        mode: as that of `compile`.
        allow_python3: leave what only Python 3 compiles as it is; False for text that
            an app compiles at run time.
        allow_refused: return a translation with refusals, which may not compile.

    Raises:
        SyntaxError: the source is neither Python 2.7 nor Python 3; with file, line and
            text. RefusedSyntax for what cannot be translated.
    """
    features = frozenset(name for name, flag in FLAGS.items() if flags & flag)
    try:
        translation = _translate(source, filename, features, mode)
    except RecursionError:
        message = "too deeply nested, or loaded from too deep a call"
        raise SyntaxError(message, (filename, 1, 1, "")) from None
    except TooComplexError:
        raise
    except SyntaxError as error:
        tree = None
        if allow_python3 and mode == "exec":
            tree = _python3_tree(source, filename)
        if tree is None:
            raise error.with_traceback(None) from None
        return Translation(tree, 0, True, [], [])
    if translation.refusals and not allow_refused:
        raise _refused(translation.refusals[0], source, filename)
    return translation


def _refused(remark: Remark, source: bytes | str, filename: str) -> RefusedSyntax:
    place = (filename, remark.line, 1, _line(source, remark.line))
    return RefusedSyntax(remark.sentence, place)


def _translate(
    source: bytes | str, filename: str, features: frozenset[str], mode: Mode
) -> Translation:
    if isinstance(source, str):
        source = source.encode("utf-8", "surrogatepass")
        if not source.startswith(codecs.BOM_UTF8):
            # Text has no encoding: a coding line in it is a comment.
            source = codecs.BOM_UTF8 + source
    text, encoding = decode(source, filename)
    parser = Parser(text, filename, encoding, features)
    tree: ast.Module | ast.Expression = (
        parser.single_expression() if mode == "eval" else parser.module()
    )
    found = frozenset(parser.features)
    shows_locals = any(f"{name}()" in text for name in ("locals", "vars", "dir"))
    lowerer = Lowerer(
        parser.scope, parser.bound_anywhere, found, shows_locals=shows_locals
    )
    lowered = lowerer.module(tree)
    if mode == "single":
        lowered = ast.Interactive(body=lowered.body)
    flags = sum(FLAGS[name] for name in found if name in FLAGS)
    return Translation(lowered, flags, False, lowerer.refusals, lowerer.notes)


def _python3_tree(source: bytes | str, filename: str) -> ast.Module | None:
    """Return the tree of a file that Python 3 compiles, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source, filename)
            compile(tree, filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None
    return tree


def _line(source: bytes | str, number: int) -> str:
    lines = source.splitlines()
    line = lines[number - 1] if number <= len(lines) else ""
    return line if isinstance(line, str) else line.decode("utf-8", "replace")
