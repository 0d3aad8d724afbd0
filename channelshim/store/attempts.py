"""How attempts to log in are counted: one number for each key.

The generic cell rate algorithm (ITU-T I.371, annex A): of each key the time is kept at
which its allowance will be full again. An attempt moves it on by `every_seconds`; one
that would move it more than `at_once` of these ahead of now has to wait. It allows what
a bucket of `at_once` tokens allows that gets one each `every_seconds`, and a key whose
time has passed is as good as one that was never seen, so its row can go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_ROUNDING_SECONDS: Final = 1e-6
"""Of sums of Unix seconds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an attempt.

    Attributes:
        full_at: the number to keep, Unix seconds; the old one where nothing changes.
        wait_seconds: 0 for an attempt that is allowed.
    """

    full_at: float
    wait_seconds: float


def judge(full_at: float, now: float, *, every_seconds: float, at_once: int) -> Verdict:
    """Return what becomes of an attempt; see contracts.store.Passwords.attempt.

    Args:
        full_at: the number that was kept; 0 for none.
        now: Unix seconds.
        every_seconds: the time after which a further attempt is allowed.
        at_once: attempts that are allowed after a long rest.
    """
    longest = every_seconds * at_once
    # A clock that was set back must lock nobody out for longer than a full allowance.
    begin = min(max(full_at, now), now + longest)
    wait = begin + every_seconds - now - longest
    if wait > _ROUNDING_SECONDS:
        return Verdict(min(full_at, begin), wait)
    return Verdict(begin + every_seconds, 0.0)
