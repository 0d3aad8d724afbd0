"""A test whose Chromium has died is run once more, and the summary says so.

A Chromium that dies on a busy machine is no fault of ours. What a test asserts is never
tried twice: all that failed must be Playwright's word that the browser is gone, the
first of it in the test itself, and the browser must be gone indeed. A page that is
closed while Chromium lives answers the same sentence.
"""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from _pytest.runner import CallInfo, runtestprotocol

_SENTENCES = ("Page crashed", "Target crashed", "browser has been closed")
"""How Playwright says it."""

_failures = pytest.StashKey[list[str]]()
"""For each phase of a test that failed: Playwright's sentence, or "" for another."""


def note_failure(item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
    """Remember whether the failure of a phase of a test comes from a dead browser."""
    failures = item.stash.setdefault(_failures, [])
    # A test that passes although it should fail has no exception.
    sentence = _crash_in(call.excinfo.value) if call.excinfo else ""
    # What a test's end closes itself is gone too, and says nothing.
    if not failures and sentence and (call.when == "teardown" or not _is_gone(item)):
        sentence = ""
    failures.append(sentence)


def run_again_after_a_crash(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test and report it, as pytest does; twice where its browser dies."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    failures = item.stash.get(_failures, [])
    if failures and all(failures):
        item.warn(pytest.PytestWarning(f"run again after a crash: {failures[0]}"))
        ends = _end_module(item)
        reports = runtestprotocol(item, log=False, nextitem=nextitem) + ends
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _end_module(item: pytest.Item) -> list[pytest.TestReport]:
    """End the fixtures of a test's module, the browser; return what they assert."""
    module: Any = item.getparent(pytest.Module)
    setup_state: Any = item.session._setupstate
    call = CallInfo.from_call(
        lambda: setup_state.teardown_exact(module.parent),
        "teardown",
        reraise=(pytest.exit.Exception, KeyboardInterrupt),
    )
    if call.excinfo is None:
        return []
    if sentence := _crash_in(call.excinfo.value):
        item.warn(pytest.PytestWarning(f"the end of a crash: {sentence}"))
        return []
    return [item.ihook.pytest_runtest_makereport(item=item, call=call)]


def _crash_in(error: BaseException) -> str:
    """Return the line about a crash in an error that is Playwright's, or ""."""
    if inner := getattr(error, "exceptions", ()):
        sentences = [_crash_in(each) for each in inner]
        return sentences[0] if all(sentences) else ""
    if not type(error).__module__.startswith("playwright."):
        return ""
    lines = str(error).splitlines()
    return next((line for line in lines if any(s in line for s in _SENTENCES)), "")


def _is_gone(item: Any) -> bool:
    browser = (getattr(item, "funcargs", None) or {}).get("browser")
    if browser is None or not hasattr(browser, "is_connected"):
        return False
    # Playwright learns of an end when it asks, and may be told of another one before.
    with contextlib.suppress(Exception):
        browser.new_browser_cdp_session().detach()
    return not browser.is_connected()
