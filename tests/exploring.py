"""Property tests that try a sample in the usual suite, and far more in a lane.

The sample is the same in CI each time, so that a failure is the change's. What it
does not reach is for the lane `explore`, which has a new seed each time: the end of
the run shows it, and CHANNELSHIM_TESTS_SEED repeats it.
"""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


@functools.cache
def seed() -> int:
    """Return the seed of this run: that of CHANNELSHIM_TESTS_SEED, or a new one."""
    text = os.environ.get("CHANNELSHIM_TESTS_SEED")
    return int(text) if text else random.SystemRandom().randrange(1 << 32)


@dataclass(frozen=True)
class Cases:
    """How many cases a property test tries, and from which seed.

    Attributes:
        count: cases.
        is_explored: whether the lane `explore` runs.
    """

    count: int
    is_explored: bool

    def random(self) -> random.Random:
        """Return a generator for a test that makes its cases itself."""
        is_fixed = not self.is_explored and os.environ.get("CI") == "true"
        number = 0 if is_fixed else seed()
        # pytest shows it with a failure.
        print(f"CHANNELSHIM_TESTS_SEED={number} repeats these cases")
        return random.Random(number)

    def check(
        self, claim: Callable[..., None], *strategies: st.SearchStrategy[Any]
    ) -> None:
        """Have hypothesis try to break claim, which takes one value per strategy."""
        trial = hypothesis.given(*strategies)(claim)
        if self.is_explored:
            trial = hypothesis.seed(seed())(trial)
        self._settings()(trial)()

    def check_machine(self, machine: type[RuleBasedStateMachine], steps: int) -> None:
        """Have hypothesis try to break a state machine within so many steps."""
        seeded: Any = type(machine.__name__, (machine,), {})
        if self.is_explored:
            seeded = hypothesis.seed(seed())(seeded)
        bounds = hypothesis.settings(self._settings(), stateful_step_count=steps)
        run_state_machine_as_test(seeded, settings=bounds)  # type: ignore[no-untyped-call]

    def _settings(self) -> hypothesis.settings:
        usual = hypothesis.settings(
            max_examples=self.count,
            # A busy machine is no bug.
            suppress_health_check=[HealthCheck.too_slow],
        )
        if not self.is_explored:
            return usual
        return hypothesis.settings(usual, derandomize=False, database=None)


def explored(sample: int, many: int) -> pytest.MarkDecorator:
    """Give a test `cases`: sample of them in the usual suite, many in the lane.

    Args:
        sample: cases in the usual suite; a second's worth at most.
        many: cases in the lane `explore`.
    """
    return pytest.mark.parametrize(
        "cases",
        [
            pytest.param(Cases(sample, is_explored=False), id="sample"),
            pytest.param(
                Cases(many, is_explored=True), id="explore", marks=pytest.mark.explore
            ),
        ],
    )
