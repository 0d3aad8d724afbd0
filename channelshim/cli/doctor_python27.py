"""What doctor says of files in Python 2.7: read by the same parser, never executed."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from channelshim.python27.compiling import says_python3
from channelshim.python27.finding import AppFiles
from channelshim.python27.lowering import Remark
from channelshim.python27.stdlib import table
from channelshim.python27.translation import translate

LINES_PER_FILE: Final = 20
"""A file with more remarks than these has been understood to be in trouble."""


_GONE: Final = "has no successor in Python 3"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one file says.

    Attributes:
        tree: its syntax; None for a file that neither Python reads.
        refusals: why it cannot be loaded, each with its line.
        notes: what differs from 2.7 in it.
        is_python3: whether it is left as it is.
    """

    tree: ast.AST | None
    refusals: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()
    is_python3: bool = False


def read_source(source: bytes, path: Path, files: AppFiles) -> Reading:
    """Read a file as it would be loaded.

    Args:
        source: its bytes, from anybody.
        path: its name.
        files: knows which ones a setting calls Python 3.
    """
    if files.is_python3(str(path)) or says_python3(source):
        try:
            return Reading(ast.parse(source), is_python3=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return _unreadable(error)
    try:
        translation = translate(source, path.name, allow_refused=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return _unreadable(error)
    return Reading(
        translation.tree,
        tuple(translation.refusals),
        tuple(translation.notes),
        translation.is_python3,
    )


def _unreadable(error: BaseException) -> Reading:
    line = getattr(error, "lineno", None) or 1
    sentence = getattr(error, "msg", None) or str(error) or "it cannot be read"
    return Reading(None, (Remark(line, sentence),))


def lines_of(name: str, reading: Reading) -> Iterator[str]:
    """Yield what to print of a file: refusals first.

    Args:
        name: of the file, from the app's folder.
        reading: of it.
    """
    remarks = [
        *(("refused", remark) for remark in reading.refusals),
        *(
            ("note", remark)
            for remark in reading.notes
            # The table has a row for it, unless the app has one of its own.
            if not remark.sentence.endswith(_GONE)
        ),
    ]
    for kind, remark in remarks[:LINES_PER_FILE]:
        yield f"{name}, line {remark.line}: {kind}: {remark.sentence}"
    if len(remarks) > LINES_PER_FILE:
        yield f"{name}: {len(remarks) - LINES_PER_FILE} more"


def is_known(name: str) -> bool:
    """Tell whether a module is 2.7's, or one that we answer for, by its own name."""
    return (
        name in table.SHADOWS
        or name in table.BUILT_IN
        or name in table.REFUSED
        or name in table.DISTRIBUTIONS
        or name == "django.utils.simplejson"
    )


def package_for(name: str) -> str:
    """Return the package of PyPI that a module of 2.7 needs here; "" for none."""
    entry = table.SHADOWS.get(name)
    real = name if entry is None else entry[0]
    package = table.DISTRIBUTIONS.get(real or "")
    if package is None or real is None or _is_there(real):
        return ""
    return package


def why_not(name: str) -> str:
    """Return why nothing stands for a module, and what to use instead; or ""."""
    return table.REFUSED.get(name, "")


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
