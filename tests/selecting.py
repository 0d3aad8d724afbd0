"""Which files a run collects: those of which its mark expression can select a test.

To import all files takes each worker ten seconds, and twice that under coverage, while
most lanes run tests of few. What a mark expression answers depends on the marks of a
test alone. Of a file it is known without importing it which marks all its tests have
(its room's, and those of its `pytestmark`) and which else some may have: `mark.NAME`
stands in its text, in a module of tests that it imports, or in a conftest.py above it.
A file is left out when no choice among the latter makes the expression true.
`check` compares this with the marks of every test that is collected.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lanes import LANES, ROOT

TESTS = ROOT / "tests"

_SERVED_ROOMS = frozenset(
    {"contract", "docs", "doors", "security", "server", "transports"}
)
"""Rooms whose tests start a server for almost each test."""

_SAMPLE = frozenset(
    {"test_http.py", "test_polling.py", "test_uvicorn.py", "test_wire.py"}
)
"""Served tests that run on every Python all the same: sockets differ there too."""

_REPOSITORY = frozenset(
    {"test_architecture.py", "test_citations.py", "test_docs.py"}
    | {"test_rooms_picture.py", "test_site_pages.py", "test_troubleshooting.py"}
    | {"test_example_sources.py"}
)
"""Files whose tests read the repository and answer alike on every Python."""

HEAVY = frozenset(
    line
    for line in (TESTS / "heavy.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
)
"""Files, and tests as `hub/test_x.py::test_y`, that scripts/fast leaves out."""

_HEAVY_FILES = frozenset(line.partition("::")[0] for line in HEAVY)

NOT_FAST = frozenset(LANES) | {"served", "repository", "heavy"}
"""A test with none of these is `fast`."""

MARKS = NOT_FAST | {"sample", "fast"}

_MOST_FREE = 8
"""Marks that a file may have, of those in an expression; beyond, it is collected."""

_IMPORT = re.compile(
    r"^\s*(?:from (tests[\w.]*) import (\([^)]*\)|.*)|import (tests\S*))", re.M
)
_MARK = re.compile(r"\bmark\.(\w+)")
_MARK_OF_ALL = re.compile(r"^pytestmark = (\[[^\]]*\]|pytest\.mark\.\w+)", re.M)
_PLAIN_EXPRESSION = re.compile(r"[a-z_\s()]+")
"""Of marks as they are here; other words may be values of Python's: `not 1`."""


@dataclass(frozen=True)
class FileMarks:
    """The marks of MARKS that the tests of a file have.

    Attributes:
        sure: all its tests have these.
        possible: its tests may have these too.
    """

    sure: frozenset[str]
    possible: frozenset[str]


def room_marks(path: Path) -> frozenset[str]:
    """Return the marks that the tests of a file have for where it stands."""
    marks: set[str] = set()
    # A test of these rules has its file elsewhere.
    if TESTS not in path.parents:
        return frozenset()
    if path.name in _REPOSITORY:
        marks.add("repository")
    room = path.relative_to(TESTS).parts[0]
    if room in _SERVED_ROOMS and path.name != "test_python_api.py":
        marks.add("served")
        if path.name in _SAMPLE:
            marks.add("sample")
    if _below_tests(path) in HEAVY:
        marks.add("heavy")
    return frozenset(marks)


def _below_tests(path: Path) -> str:
    return path.as_posix().removeprefix(f"{TESTS.as_posix()}/")


def own_marks(item: pytest.Item) -> frozenset[str]:
    """Return the marks that a test has for where it stands and what it is."""
    marks = set(room_marks(item.path))
    name = getattr(item, "originalname", None) or item.name
    if f"{_below_tests(item.path)}::{name}" in HEAVY:
        marks.add("heavy")
    if marks.union(mark.name for mark in item.iter_markers()).isdisjoint(NOT_FAST):
        marks.add("fast")
    return frozenset(marks)


@functools.cache
def file_marks(path: Path) -> FileMarks:
    """Return what is known of the marks of a file's tests without importing it."""
    text = path.read_text("utf-8")
    sure = set(room_marks(path))
    for marks in _MARK_OF_ALL.findall(text):
        sure.update(_MARK.findall(marks))
    texts = _texts_below(path, [text])
    possible = {mark for each in texts for mark in _MARK.findall(each)}
    if _below_tests(path) in _HEAVY_FILES:
        possible.add("heavy")
    if not sure & NOT_FAST:
        possible.add("fast")
    return FileMarks(frozenset(sure & MARKS), frozenset(possible & MARKS))


def can_select(expression: str, path: Path) -> bool:
    """Return False only if a mark expression selects no test of a file."""
    if not _PLAIN_EXPRESSION.fullmatch(expression) or _names(expression) - MARKS:
        # Of other marks nothing is known here.
        return True
    marks = file_marks(path)
    try:
        return can_be_true(expression, marks.sure, marks.possible)
    except (SyntaxError, TypeError):
        # pytest says what is wrong with it.
        return True


def can_be_true(
    expression: str, sure: frozenset[str], possible: frozenset[str]
) -> bool:
    """Return whether an expression is true for `sure` and some of `possible`.

    True too where there are too many to try.
    """
    names = _names(expression)
    free = sorted((possible - sure) & names)
    if len(free) > _MOST_FREE:
        return True
    code = compile(expression.strip(), "<marks>", "eval")
    return any(
        eval(code, {"__builtins__": {}}, {name: name in chosen for name in names})
        for size in range(len(free) + 1)
        for chosen in map(sure.union, itertools.combinations(free, size))
    )


def _names(expression: str) -> set[str]:
    return set(re.findall(r"\w+", expression)) - {"and", "or", "not"}


def check(items: Iterable[pytest.Item]) -> None:
    """Fail where a test has other marks than its file's text says.

    Raises:
        pytest.UsageError: a lane could leave the file out; says what to write.
    """
    for item in items:
        marks = {mark.name for mark in item.iter_markers()} & MARKS
        known = file_marks(item.path)
        for mark in marks - known.sure - known.possible:
            raise pytest.UsageError(
                f"{item.nodeid} is marked {mark} in a way that tests/selecting.py does "
                f"not see: write pytest.mark.{mark} into its file, a module of tests "
                "that it imports or a conftest.py"
            )
        for mark in known.sure - marks:
            raise pytest.UsageError(
                f"{item.nodeid} is not marked {mark}, which tests/selecting.py reads "
                "in its file: write `pytestmark = ...` for all tests of a file only"
            )


@functools.cache
def _read(path: Path) -> tuple[str, tuple[Path, ...]]:
    """Return a module's text and the modules of tests that it imports."""
    text = path.read_text("utf-8")
    found = []
    for package, names, module in _IMPORT.findall(text):
        dotted = [package or module]
        dotted += [f"{package}.{name}" for name in re.findall(r"\w+", names)]
        found += [ROOT / f"{name.replace('.', '/')}.py" for name in dotted]
    return text, tuple(each for each in found if each.is_file())


def _texts_below(path: Path, texts: list[str]) -> list[str]:
    """Return texts with those of all modules of tests that a file stands on."""
    above = [
        folder / "conftest.py" for folder in path.parents if TESTS in folder.parents
    ]
    waiting = [*_read(path)[1], *(each for each in above if each.is_file())]
    # What this module and the conftest.py of all add is in `own_marks`.
    seen = {path, Path(__file__).resolve(), TESTS / "conftest.py"}
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        text, imported = _read(module)
        texts.append(text)
        waiting += imported
    return texts
