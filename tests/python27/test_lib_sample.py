"""A sample of CPython 2.7's own tests, in each run of CI and counted by coverage.

What passes on 2.7 passes here, translated, or is listed in tests/python27/lib_test.
The files are those that use our modules over the standard library most and take
seconds; `test_lib.py` of the lane `slow` runs all.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.lanes import find_python27, timeout_factor
from tests.python27.lib_test import runner

pytestmark = [pytest.mark.python27, pytest.mark.library]

SAMPLE = (
    "builtin class coercion collections compare descr dict exceptions file format "
    "operator print str types unicode StringIO array base64 binascii bz2 "
    "cfgparser cgi codecs commands cookie csv dummy_thread fnmatch gzip hashlib "
    "hmac htmllib htmlparser httplib imghdr inspect marshal md5 mimetools minidom "
    "mutex os pickle pkgutil popen quopri random re repr rfc822 sets sha shelve "
    "shlex string strop struct tempfile thread timeit urllib urllib2 urlparse "
    "userdict userlist userstring uu uuid xml_etree zipfile zlib"
).split()
"""Names of files of Lib/test, without `test_`."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an app's folder with 2.7's package `test`."""
    python27 = find_python27()
    assert python27 is not None
    folder = tmp_path_factory.mktemp("lib") / "app"
    folder.mkdir()
    runner.copy_tests(python27, folder)
    return folder


@pytest.mark.parametrize("name", SAMPLE)
def test_what_passed_still_passes(app: Path, name: str) -> None:
    name = f"test_{name}"
    python27 = find_python27()
    assert python27 is not None
    seconds = 120 * timeout_factor()
    expected = runner.run(name, python27, None, seconds)
    ours = runner.run(name, sys.executable, app, seconds)
    known = set((Path(runner.__file__).parent / "failing.txt").read_text().split())
    failing = runner.failing_tests({name: expected}, {name: ours})
    assert ours.get("error") is None
    assert "ok" in expected["found"].values()
    assert {test: _reason(ours, test) for test in failing - known} == {}


def _reason(note: dict[str, object], test: str) -> object:
    reasons = note["reasons"]
    assert isinstance(reasons, dict)
    return reasons.get(test.partition(":")[2], note.get("error"))


def test_the_sample_is_of_the_listed_files() -> None:
    assert {f"test_{name}" for name in SAMPLE} <= set(runner.listed())
