"""Handlers that wait in a thread until their messages are safe."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from channelshim.broker import safety
from channelshim.broker.safety import wait_until_safe


def test_nothing_is_waited_for_where_all_is_safe_at_once() -> None:
    asked: list[None] = []

    def when_safe(done: Callable[[], None]) -> None:
        asked.append(None)
        done()

    wait_until_safe(when_safe)
    assert len(asked) == 1


def test_a_thread_waits_until_another_says_so() -> None:
    said = threading.Event()

    def when_safe(done: Callable[[], None]) -> None:
        def say() -> None:
            said.set()
            done()

        threading.Timer(0.01, say).start()

    wait_until_safe(when_safe)
    assert said.is_set()


def test_no_handler_waits_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(safety, "_SECONDS", 0.01)
    wait_until_safe(lambda done: None)
    assert "before its messages are safe" in caplog.text
