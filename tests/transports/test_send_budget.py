"""What waits for slow readers together, and who goes first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from channelshim.contracts.clock import Clock
from channelshim.transports.send_budget import SendBudget
from tests.stepped_clock import SteppedClock

TOTAL = 1000


class Slow:
    """A reader that takes what a test says."""

    def __init__(self, budget: SendBudget) -> None:
        self.budget = budget
        self.waiting = 0
        self.is_cut = False

    def waiting_bytes(self) -> int:
        return self.waiting

    def cut(self) -> None:
        self.is_cut = True
        self.waiting = 0

    def write(self, size: int) -> None:
        """As a connection that is behind writes."""
        if not self.is_cut and self.budget.take(self, self.waiting + size):
            self.waiting += size


def make_budget(clock: Clock | None = None) -> SendBudget:
    return SendBudget(TOTAL, (clock or SteppedClock()).monotonic)


def test_reader_that_holds_most_for_longest_goes_first() -> None:
    clock = SteppedClock()
    budget = make_budget(clock)
    old, fat, new = (Slow(budget) for _ in range(3))
    old.write(300)
    clock.step(10)
    fat.write(450)
    new.write(300)
    assert [each.is_cut for each in (old, fat, new)] == [True, False, False]
    assert budget.charged_bytes == 750


def test_one_that_has_read_meanwhile_is_not_cut_for_it() -> None:
    budget = make_budget()
    one, two = Slow(budget), Slow(budget)
    one.write(900)
    one.waiting = 10
    two.write(500)
    assert not one.is_cut
    assert not two.is_cut
    assert budget.charged_bytes == 510


def test_one_alone_may_exceed_the_bound() -> None:
    budget = make_budget()
    one = Slow(budget)
    one.write(5 * TOTAL)
    assert not one.is_cut
    budget.give_back(one)
    budget.give_back(one)
    assert (budget.charged_bytes, len(budget)) == (0, 0)


def test_the_one_that_writes_may_be_the_one_to_go() -> None:
    budget = make_budget()
    one, two = Slow(budget), Slow(budget)
    one.write(100)
    two.write(950)
    assert two.is_cut
    assert not one.is_cut


STEPS = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.sampled_from(["write", "read", "leave", "wait"]),
        st.integers(1, TOTAL // 10),
    ),
    max_size=200,
)


@given(STEPS)
def test_no_more_ever_waits_than_the_bound(steps: list[tuple[int, str, int]]) -> None:
    """The theory of send_budget: the charge is never less than what waits."""
    clock = SteppedClock()
    budget = make_budget(clock)
    readers = [Slow(budget) for _ in range(10)]
    for index, what, size in steps:
        reader = readers[index]
        if what == "write":
            reader.write(size)
        elif what == "read":
            reader.waiting = max(0, reader.waiting - size)
        elif what == "leave":
            budget.give_back(reader)
            readers[index] = Slow(budget)
        else:
            clock.step(size / 100)
        waiting = sum(each.waiting for each in readers)
        assert waiting <= budget.charged_bytes
        assert waiting <= TOTAL or len(budget) == 1
