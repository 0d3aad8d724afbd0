"""What is found out of a server that an app is about to be given.

Each room that has a driver examines its own kind of server; what figures mean for
channelshim, whatever the server, is said here.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

ROUND_TRIPS: Final = 20
"""Questions by which latency and clock are measured."""

SLOW_SECONDS: Final = 0.005
"""The median round trip from which on a server is called far away: each request waits
for several."""

SKEW_SECONDS: Final = 1.0
"""From which on two clocks are told to differ."""

WRONG_SKEW_SECONDS: Final = 60.0
"""From which on tokens, logins and tasks end or begin noticeably wrong."""


class Verdict(enum.Enum):
    """What a finding means; the value is the word for a person."""

    FINE = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: one word or two.
        verdict: what it means.
        sentence: what was found, and what to do where it is not fine; no password.
    """

    subject: str
    verdict: Verdict
    sentence: str


def fine(subject: str, sentence: str) -> Finding:
    """Return a finding of something that is as it should be."""
    return Finding(subject, Verdict.FINE, sentence)


def note(subject: str, sentence: str) -> Finding:
    """Return a finding that a person should know, and may want."""
    return Finding(subject, Verdict.NOTE, sentence)


def wrong(subject: str, sentence: str) -> Finding:
    """Return a finding of something that has to be mended."""
    return Finding(subject, Verdict.WRONG, sentence)


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One question about a server's clock.

    Attributes:
        asked_at: Unix seconds here.
        answered_at: Unix seconds here.
        time: Unix seconds there.
    """

    asked_at: float
    answered_at: float
    time: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.answered_at - self.asked_at

    @property
    def ahead(self) -> float:
        """By how much the server's clock is ahead, within half a round trip."""
        return self.time - (self.asked_at + self.answered_at) / 2


def timings(trips: Sequence[RoundTrip]) -> list[Finding]:
    """Return what round trips say of a server's distance and clock.

    Args:
        trips: at least one.
    """
    middle, longest = (
        median(each.seconds for each in trips),
        max(each.seconds for each in trips),
    )
    figures = f"{middle * 1000:.2f} ms a round trip, {longest * 1000:.2f} ms at most"
    if middle > SLOW_SECONDS:
        latency = note(
            "latency",
            f"{figures}: each request waits for several, so move the server nearer",
        )
    else:
        latency = fine("latency", figures)
    return [latency, _clock(min(trips, key=lambda each: each.seconds))]


def _clock(trip: RoundTrip) -> Finding:
    skew = max(0.0, abs(trip.ahead) - trip.seconds / 2)
    direction = "ahead of" if trip.ahead > 0 else "behind"
    if skew < SKEW_SECONDS:
        return fine("clock", "it shows the same time as this machine's")
    sentence = (
        f"it is {skew:,.0f} s {direction} this machine's, so tokens, logins and tasks "
        "end or begin too early or too late: have NTP set both"
    )
    if skew < WRONG_SKEW_SECONDS:
        return note("clock", sentence)
    return wrong("clock", sentence)
