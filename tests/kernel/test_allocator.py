"""Memory that was freed goes back to the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from channelshim.kernel import allocator

STATUS = Path("/proc/self/status")

PROGRAM = """
from channelshim.kernel import allocator

def resident_kib():
    with open("/proc/self/status") as status:
        lines = [line for line in status if line.startswith("VmRSS")]
    return int(lines[0].split()[1])

# Each too small for a mapping of its own; the last one keeps the heap's end.
blocks = [b"x" * 100_000 for _ in range(400)]
last = b"x" * 100_000
blocks.clear()
before = resident_kib()
allocator.give_back()
print(before - resident_kib())
"""


@pytest.mark.skipif(not STATUS.exists(), reason="no /proc to ask")
def test_what_lies_below_a_block_in_use_is_given_back() -> None:
    # In a process of its own: other tests leave holes in the heap for the blocks.
    program = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert int(program.stdout) > 20_000


def test_a_c_library_without_the_call_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    allocator.give_back()
