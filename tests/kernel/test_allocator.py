"""Memory that was freed goes back to the system."""

from __future__ import annotations

from pathlib import Path

import pytest

from channelshim.kernel import allocator

STATUS = Path("/proc/self/status")


def resident_kib() -> int:
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@pytest.mark.skipif(not STATUS.exists(), reason="no /proc to ask")
def test_what_lies_below_a_block_in_use_is_given_back() -> None:
    # Each too small for a mapping of its own; the last one keeps the heap's end.
    blocks = [bytes(100_000) for _ in range(400)]
    last = bytes(100_000)
    blocks.clear()
    before = resident_kib()
    allocator.give_back()
    assert before - resident_kib() > 20_000
    assert len(last) == 100_000


def test_a_c_library_without_the_call_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    allocator.give_back()
