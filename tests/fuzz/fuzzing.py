"""Hostile inputs for one parser after the other, bent out of a corpus or made anew.

A target is a test that takes `fuzz` and hands it a claim about one input. The usual
suite tries a sample; the lane `explore` tries as many as there is time for, from a new
seed. An input that breaks the claim is made as small as hypothesis can, and put into
the folder `found/` of the target's corpus, whose inputs are tried first ever after.

Every claim is bounded: in the processor's time of one input, so that a busy machine is
no hang, and in the memory of all.
"""

from __future__ import annotations

import hashlib
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st

from tests.exploring import seed
from tests.lanes import timeout_factor

CORPUS = Path(__file__).parent / "corpus"

PROCESSOR_SECONDS = 5.0
"""That one input may take; each takes a few milliseconds at most."""

MEGABYTES = 256
"""That the process may grow by while it tries them all."""

_ROUND = 500
"""Cases that are tried between two looks at the clock."""

_LONGEST = 1 << 14
"""Bytes of a bent input: it grows by doubling."""

Claim = Callable[[bytes], None]


class TookTooLong(BaseException):
    """An input kept the processor busy; no `except Exception` may hide it."""


def seconds_per_target() -> float:
    """Return how long the lane tries one target."""
    return float(os.environ.get("CHANNELSHIM_TESTS_FUZZ_SECONDS") or 20)


@dataclass(frozen=True)
class Fuzz:
    """Tries inputs on a claim.

    Attributes:
        target: the name of the corpus' folder.
        sample: cases in the usual suite.
        is_explored: whether the lane `explore` runs.
    """

    target: str
    sample: int
    is_explored: bool

    def check(
        self,
        claim: Claim,
        made: st.SearchStrategy[bytes] | None = None,
        *,
        words: Sequence[bytes] = (),
        megabytes: int = MEGABYTES,
    ) -> None:
        """Try to break a claim.

        Args:
            claim: takes one input; raises when it is broken.
            made: inputs by the target's grammar.
            words: of the target's language; bent inputs get them in odd places.
            megabytes: that the process may grow by.
        """
        bounded = self._bounded(claim)
        inputs = bent(tuple(self.corpus()), words)
        with _unlogged():
            for data in self.corpus():
                bounded(data)
            before = _most_megabytes()
            self._try(bounded, inputs if made is None else st.one_of(inputs, made))
        grown = _most_megabytes() - before
        assert grown <= megabytes, f"grew by {grown} MB"

    def corpus(self) -> list[bytes]:
        """Return the inputs that are kept, those that broke something among them."""
        files = sorted((CORPUS / self.target).rglob("*"))
        return [file.read_bytes() for file in files if file.is_file()]

    def _try(self, claim: Claim, inputs: st.SearchStrategy[bytes]) -> None:
        failing: list[bytes] = []

        def keep_failing(data: bytes) -> None:
            try:
                claim(data)
            except BaseException:
                # The last one is the smallest.
                failing[:] = [data]
                raise

        try:
            for settings, number in self._rounds():
                trial = hypothesis.given(inputs)(keep_failing)
                hypothesis.seed(number)(settings(trial))()
        except BaseException:
            if failing:
                self._keep(failing[0])
            raise

    def _rounds(self) -> Iterator[tuple[hypothesis.settings, int]]:
        """Yield the bounds and the seed of so many cases, as long as there is time."""
        is_fixed = not self.is_explored and os.environ.get("CI") == "true"
        first = 0 if is_fixed else seed()
        # pytest shows it with a failure.
        print(f"CHANNELSHIM_TESTS_SEED={first} repeats these cases")
        bounds = hypothesis.settings(
            max_examples=_ROUND if self.is_explored else self.sample,
            derandomize=False,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        yield bounds, first
        if not self.is_explored:
            return
        end = time.monotonic() + seconds_per_target()
        number = first
        while time.monotonic() < end:
            number += 1
            yield bounds, number
        print(f"{self.target}: {(number - first + 1) * _ROUND} cases")

    def _keep(self, data: bytes) -> None:
        folder = CORPUS / self.target / "found"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / hashlib.sha256(data).hexdigest()[:16]
        file.write_bytes(data)
        print(f"{file} holds the input that failed: {data[:200]!r}")

    def _bounded(self, claim: Claim) -> Claim:
        def bounded(data: bytes) -> None:
            with _processor_bounded():
                claim(data)

        return bounded


@contextmanager
def _unlogged() -> Iterator[None]:
    """Log nothing: pytest would keep each line, and what has raised for it."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _processor_bounded() -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, PROCESSOR_SECONDS * timeout_factor())
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _most_megabytes() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most >> (20 if sys.platform == "darwin" else 10)


def fuzzed(target: str, sample: int) -> pytest.MarkDecorator:
    """Give a test `fuzz`: a sample in the usual suite, as many as fit in the lane.

    Args:
        target: the name of the corpus' folder.
        sample: cases in the usual suite; a second's worth at most.
    """
    return pytest.mark.parametrize(
        "fuzz",
        [
            pytest.param(Fuzz(target, sample, is_explored=False), id="sample"),
            pytest.param(
                Fuzz(target, sample, is_explored=True),
                id="explore",
                marks=pytest.mark.explore,
            ),
        ],
    )


@st.composite
def bent(
    draw: st.DrawFn, corpus: Sequence[bytes], words: Sequence[bytes] = ()
) -> bytes:
    """Make inputs by bending those of a corpus in a few places.

    Args:
        corpus: at least one.
        words: that are put into them.
    """
    data = draw(st.sampled_from(corpus))
    pieces = st.binary(max_size=4)
    if words:
        pieces = st.one_of(st.sampled_from(list(words)), pieces)
    for _ in range(draw(st.integers(0, 4))):
        start, end = sorted(
            (draw(st.integers(0, len(data))), draw(st.integers(0, len(data))))
        )
        how = draw(st.sampled_from(("put", "replace", "cut", "double", "splice")))
        if how == "put":
            data = data[:start] + draw(pieces) + data[start:]
        elif how == "replace":
            piece = draw(pieces)
            data = data[:start] + piece + data[start + len(piece) :]
        elif how == "cut":
            data = data[:start] + data[end:]
        elif how == "double":
            times = draw(st.sampled_from((2, 3, 100)))
            data = data[:start] + data[start:end] * times + data[end:]
        else:
            data = data[:start] + draw(st.sampled_from(corpus))[start:]
        data = data[:_LONGEST]
    return data
