"""Wishes for the interpreter's switch interval: none outlives its wisher."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from channelshim.kernel.switching import switch_interval

USUAL = 0.004


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(USUAL)
    yield
    assert sys.getswitchinterval() == pytest.approx(USUAL)
    sys.setswitchinterval(before)


def test_the_shortest_wish_holds_in_whatever_order_they_end() -> None:
    for first_ends_first in (False, True):
        first, second = switch_interval(0.02), switch_interval(0.001)
        first.__enter__()
        assert sys.getswitchinterval() == pytest.approx(0.02)
        second.__enter__()
        assert sys.getswitchinterval() == pytest.approx(0.001)
        if first_ends_first:
            first.__exit__(None, None, None)
            assert sys.getswitchinterval() == pytest.approx(0.001)
            second.__exit__(None, None, None)
        else:
            second.__exit__(None, None, None)
            assert sys.getswitchinterval() == pytest.approx(0.02)
            first.__exit__(None, None, None)
        assert sys.getswitchinterval() == pytest.approx(USUAL)


def test_a_least_wish_leaves_what_is_longer() -> None:
    with switch_interval(0.001, is_least=True):
        assert sys.getswitchinterval() == pytest.approx(USUAL)
    with switch_interval(0.02, is_least=True):
        assert sys.getswitchinterval() == pytest.approx(0.02)


def test_threads_that_wish_at_once_leave_what_was_before() -> None:
    def wish(seconds: float) -> None:
        for _ in range(2000):
            with switch_interval(seconds):
                pass

    threads = [
        threading.Thread(target=wish, args=(seconds,)) for seconds in (0.00001, 0.02)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
