"""Coverage of an app in Python 2.7: real runs of coverage, by the app's own lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from channelshim.python27.source_lines import SourceLines
from tests.lanes import ROOT
from tests.python27.app import TIMEOUT_SECONDS

MAIN = '''\
# -*- coding: utf-8 -*-
"""Of the app,
over two lines."""
import sys


class Price(object):
    """Doc."""

    def __init__(self, value):
        self.value = value

    def shown(self, (before, after)):
        """Doc
        of a method."""
        if self.value > 100:
            print "dear"
            raise ValueError, "dear"
        elif self.value < 0 or \\
                self.value is None:
            print >>sys.stderr, `self.value`
        while True:
            try:
                return "%s%d%s" % (
                    before,
                    self.value / 2,
                    after)
            except TypeError, error:
                return error.message

    def debug(self):  # pragma: no cover
        if self.value:
            print 0777
        return None


def pairs(prices):
    for price in prices:
        if price.value == 3: continue
        yield price, price.value <> 1


def decorate(function):
    return function


@decorate  # pragma: no cover
def never():
    print "never"


TEXT = """a
b"""
if 0:
    print TEXT
'''

TESTS = """\
import unittest
import main


class PriceTest(unittest.TestCase):
    def test_shown(self):
        self.assertEquals('<3>', main.Price(7).shown(('<', '>')))

    def test_pairs(self):
        prices = [main.Price(n) for n in (1, 2, 3)]
        self.assertEquals([False, True], [odd for _, odd in main.pairs(prices)])
"""

NEW = """\
# channelshim: python3
def half(value: int) -> int:
    print(f"{value}")
    return value // 2
"""

CONFIG = """\
[run]
plugins = channelshim.python27.coverage
source = .
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    files = {
        "app.yaml": "runtime: python27\napi_version: 1\nthreadsafe: true\n",
        "main.py": MAIN,
        "new.py": NEW,
        "unused.py": "import main\nprint 'never'\n",
        "main_test.py": TESTS,
        ".coveragerc": CONFIG,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def run(app: Path, *words: str) -> str:
    """Run coverage in the app's folder and return what it prints."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CHANNELSHIM_PYTHON27_CACHE": str(app / ".cache"),
    }
    # A run of these tests under coverage is another one.
    for name in [name for name in environment if name.startswith("COV")]:
        del environment[name]
    done = subprocess.run(
        [sys.executable, "-m", "coverage", *words],
        cwd=app,
        env=environment,
        capture_output=True,
        text=True,
        timeout=2 * TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def report(app: Path) -> dict[str, Any]:
    run(app, "json", "-q", "-o", "coverage.json")
    files: dict[str, Any] = json.loads((app / "coverage.json").read_text())["files"]
    return files


def line_of(text: str) -> int:
    """Return the number of the line of the app that begins with a text."""
    (number,) = [
        number
        for number, line in enumerate(MAIN.split("\n"), 1)
        if line.strip().startswith(text)
    ]
    return number


@pytest.mark.parametrize("runner", ["unittest", "pytest"])
def test_a_run_reports_the_lines_that_the_app_has(app: Path, runner: str) -> None:
    run(app, "run", "--branch", "-m", "channelshim", "test", runner, "main_test.py")
    files = report(app)
    main = files["main.py"]
    missing = [
        *('print "dear"', "raise ValueError", "print >>sys.stderr"),
        *("except TypeError", "return error.message"),
    ]
    assert main["missing_lines"] == sorted(map(line_of, missing))
    excluded = {"def debug", "if self.value:", "print 0777", "return None"}
    excluded |= {"@decorate", "def never", 'print "never"'}
    assert set(main["excluded_lines"]) >= set(map(line_of, excluded))
    executed = set(main["executed_lines"])
    assert executed >= set(
        map(line_of, ["import sys", "TEXT =", "elif self.value", 'return "%s%d%s"'])
    )
    of_method = line_of("of a method")
    docstrings = {2, 3, line_of('"""Doc."""'), of_method - 1, of_method}
    assert not docstrings & executed
    assert main["missing_branches"] == [
        [line_of("if self.value > 100"), line_of('print "dear"')],
        [line_of("elif self.value"), line_of("print >>sys.stderr")],
    ]
    assert files["main_test.py"]["missing_lines"] == []


def test_files_that_nobody_imported_and_python_3_files_are_listed(app: Path) -> None:
    run(app, "run", "-m", "channelshim", "test", "unittest", "main_test")
    files = report(app)
    assert files["unused.py"]["missing_lines"] == [1, 2]
    assert files["new.py"]["missing_lines"] == [2, 3, 4]
    assert "unused.py" in run(app, "report", "--show-missing")


def test_a_page_of_the_report_has_the_text_of_each_line(app: Path) -> None:
    run(app, "run", "-m", "channelshim", "test", "unittest", "main_test")
    run(app, "html", "-q")
    (page,) = (app / "htmlcov").glob("main_py.html")
    assert "print &#34;dear&#34;" in page.read_text("utf-8").replace("&quot;", "&#34;")


def test_what_no_python_reads_is_named(app: Path) -> None:
    run(app, "run", "-m", "channelshim", "test", "unittest", "main_test")
    (app / "main.py").write_text("def f(:\n", "utf-8")
    output = run(app, "report", "--ignore-errors")
    assert "main_test.py" in output


def lines_of(text: str, exclude: str = "no cover") -> SourceLines:
    return SourceLines(textwrap.dedent(text).encode(), "main.py", exclude)


def test_statements_stand_on_their_first_lines() -> None:
    lines = lines_of(
        '''\
        """doc"""
        x = [1,
             2]
        def f():
            """doc
            """
            return (x +
                    1)
        class A:
            "doc"
            b = """
            """; c = 1
        '''
    )
    assert lines.statements == {2, 4, 7, 9, 11}
    assert lines.first_of([3, 8, 12]) == {2, 7, 11}


def test_an_excluded_line_excludes_its_block_alone() -> None:
    lines = lines_of(
        """\
        if a:  # no cover
            if b:
                c()

            d()
        else:
            e()
        @f  # no cover
        @g
        def h():
            i()
        j()
        """
    )
    assert lines.statements == {7, 12}
    assert lines.excluded == {1, 2, 3, 5, 8, 9, 10, 11}


def test_a_pattern_over_two_lines_excludes_both() -> None:
    lines = lines_of("a()\nb()\nc()\nd()\n", r"b\(\)\nc")
    assert lines.statements == {1, 4}


def test_python_3_is_left_to_coverage() -> None:
    assert lines_of("def f(a: int): ...").is_python3
