"""Contract cases A, B, C and I: the Python API, tokens and the testbed.

The same file of cases runs against the shim's own service, against its testbed, and
against Google's last SDK on Python 2.7.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract import api_cases
from tests.lanes import ORIGINAL_SDK, ROOT, find_python27, timeout_factor

CASES = sorted(int(name[5:]) for name in dir(api_cases) if name.startswith("case_"))
SCRIPT = Path(api_cases.__file__)
LIBRARIES = ("yaml-3.10", "webob-1.2.3", "fancy_urllib", "simplejson")


@functools.cache
def results_of(target: str) -> dict[str, str]:
    """Run all cases against a target in a process of its own."""
    python: str | None = sys.executable
    path = [str(ROOT)]
    if target == "original":
        python = find_python27()
        path = [str(ORIGINAL_SDK)]
        path += [str(ORIGINAL_SDK / "lib" / name) for name in LIBRARIES]
    assert python is not None
    done = subprocess.run(
        [python, str(SCRIPT), target],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        timeout=120 * timeout_factor(),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results: dict[str, str] = json.loads(done.stdout.strip().splitlines()[-1])
    return results


@pytest.mark.parametrize("case", CASES)
def test_case_holds_for_the_testbed(case: int) -> None:
    assert results_of("stub")[str(case)] == ""


@pytest.mark.parametrize(
    "case", [case for case in CASES if case not in api_cases.STUB_ONLY]
)
def test_case_holds_for_the_service(case: int) -> None:
    assert results_of("service")[str(case)] == ""


@pytest.mark.original
@pytest.mark.parametrize("case", CASES)
def test_case_holds_for_the_original(case: int) -> None:
    assert results_of("original")[str(case)] == ""
