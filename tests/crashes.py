"""A test whose browser has crashed is run once more, and the summary says so.

A Chromium that dies on a busy machine is no fault of ours, and what a test asserts is
never tried twice. Playwright is shut down first: whatever is open is the dead one's.
"""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

_SENTENCES = ("Page crashed", "Target crashed", "browser has been closed")
"""How Playwright says it."""


def run_again_after_a_crash(item: Any, nextitem: pytest.Item | None) -> bool:
    """Run a test and report it, as pytest does; twice where its browser crashes."""
    where = {"nodeid": item.nodeid, "location": item.location}
    item.ihook.pytest_runtest_logstart(**where)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    sentence = next(filter(None, map(_crash_in, reports)), "")
    if sentence:
        item.warn(pytest.PytestWarning(f"run again after a crash: {sentence}"))
        with contextlib.suppress(Exception):
            item.session._setupstate.teardown_exact(None)
        item._initrequest()
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(**where)
    return True


def _crash_in(report: pytest.TestReport) -> str:
    """Return Playwright's line about a crash in a failure, or ""."""
    lines = report.longreprtext.splitlines() if report.failed else []
    wrong = [line.removeprefix("E").strip() for line in lines if line[:2] == "E "]
    return next((line for line in wrong if any(s in line for s in _SENTENCES)), "")
