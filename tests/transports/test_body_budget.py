"""Bodies that are being received: so many and no more, and the slowest go first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from channelshim.transports.body_budget import BodyBudget
from tests.stepped_clock import SteppedClock


class Upload:
    """A body that may be refused."""

    def __init__(self) -> None:
        self.is_refused = False

    def refuse_body(self) -> None:
        self.is_refused = True


def test_slowest_goes_when_there_are_too_many() -> None:
    clock = SteppedClock()
    budget = BodyBudget(clock.monotonic, maximum_bodies=2, maximum_bytes=10_000)
    quick, slow, new = Upload(), Upload(), Upload()
    assert budget.take(quick, 5000)
    assert budget.take(slow, 300)
    clock.step(10)
    assert budget.take(new, 100)
    assert [each.is_refused for each in (quick, slow, new)] == [False, True, False]
    assert (len(budget), budget.charged_bytes) == (2, 5100)


def test_who_has_sent_a_head_alone_is_no_slower_than_who_drips() -> None:
    clock = SteppedClock()
    budget = BodyBudget(clock.monotonic, maximum_bodies=2)
    first, second, new = Upload(), Upload(), Upload()
    assert budget.take(first, 1)
    assert budget.take(second, 1)
    clock.step(0.1)
    assert budget.take(new, 0, 90_000)
    assert [each.is_refused for each in (first, second, new)] == [True, False, False]


def test_who_has_sent_a_head_alone_makes_no_room_for_bytes() -> None:
    budget = BodyBudget(SteppedClock().monotonic, maximum_bytes=1000)
    heads, large, small = [Upload(), Upload()], Upload(), Upload()
    for upload in heads:
        assert budget.take(upload, 0, 500)
    assert budget.take(large, 900)
    assert not budget.take(small, 200)
    assert budget.hold(Held(500))
    assert [each.is_refused for each in (*heads, large)] == [False, False, True]
    assert (len(budget), budget.charged_bytes) == (2, 500)


def test_bytes_of_all_are_bounded() -> None:
    clock = SteppedClock()
    budget = BodyBudget(clock.monotonic, maximum_bodies=9, maximum_bytes=1000)
    uploads = [Upload() for _ in range(3)]
    for upload in uploads:
        budget.take(upload, 400)
    assert sum(each.is_refused for each in uploads) == 1
    assert budget.charged_bytes == 800


def test_one_that_exceeds_the_bound_alone_is_refused() -> None:
    budget = BodyBudget(SteppedClock().monotonic, maximum_bytes=1000)
    upload = Upload()
    assert not budget.take(upload, 1001)
    assert upload.is_refused
    budget.give_back(upload)
    assert (len(budget), budget.charged_bytes) == (0, 0)


class Held:
    """A whole body that waits for the app, or that the app has begun with."""

    def __init__(
        self, size: int, *, is_on_disk: bool = True, has_begun: bool = False
    ) -> None:
        self.size = size
        self.is_on_disk = is_on_disk
        self.has_begun = has_begun
        self.is_refused = False

    def withdraw(self) -> bool:
        self.is_refused = not self.has_begun
        return self.is_refused


def budget_of(maximum_bytes: int, maximum_bodies: int = 99) -> BodyBudget:
    clock = SteppedClock()
    return BodyBudget(
        clock.monotonic, maximum_bodies=maximum_bodies, maximum_bytes=maximum_bytes
    )


def test_bodies_that_wait_count_with_those_that_come() -> None:
    budget = budget_of(1000)
    first, second, upload = Held(400), Held(400), Upload()
    assert budget.hold(first)
    assert budget.hold(second)
    assert (budget.held, budget.charged_bytes) == (2, 800)
    assert budget.take(upload, 300)
    # The one that came last of two that are as large.
    assert [first.is_refused, second.is_refused] == [False, True]
    assert (budget.held, budget.charged_bytes) == (1, 700)
    for _ in range(2):
        budget.let_go(first)
    budget.give_back(upload)
    assert (budget.held, len(budget), budget.charged_bytes) == (0, 0, 0)


def test_a_small_newcomer_is_let_in_and_a_large_one_is_not() -> None:
    budget = budget_of(1000)
    large = Held(900)
    assert budget.hold(large)
    assert not budget.hold(Held(900))
    assert not large.is_refused
    assert budget.hold(Held(101))
    assert large.is_refused
    assert budget.charged_bytes == 101


def test_what_the_app_has_begun_with_is_left_to_it() -> None:
    budget = budget_of(1000)
    begun, upload = Held(900, has_begun=True), Upload()
    assert budget.hold(begun)
    assert not budget.hold(Held(101))
    assert not budget.take(upload, 101)
    assert upload.is_refused
    assert (budget.held, budget.charged_bytes) == (1, 900)


def test_those_that_come_give_where_they_hold_more() -> None:
    budget = budget_of(1000)
    upload = Upload()
    assert budget.take(upload, 900)
    assert budget.hold(Held(101))
    assert upload.is_refused
    assert budget.charged_bytes == 101


def test_files_of_both_kinds_are_counted_together() -> None:
    budget = budget_of(1 << 30, maximum_bodies=2)
    in_memory = [Held(5, is_on_disk=False) for _ in range(9)]
    assert all(budget.hold(each) for each in in_memory)
    files = [Held(50), Held(60)]
    assert all(budget.hold(each) for each in files)
    upload = Upload()
    assert budget.take(upload, 1)
    assert [each.is_refused for each in files] == [False, True]
    assert not any(each.is_refused for each in in_memory)
    # Neither the app's own nor what is in memory makes room for another file.
    files[0].has_begun = True
    assert not budget.take(Upload(), 1) or upload.is_refused


@given(st.lists(st.tuples(st.sampled_from("taghl"), st.integers(0, 9), st.integers())))
def test_no_bound_is_exceeded_whatever_comes(
    steps: list[tuple[str, int, int]],
) -> None:
    budget = budget_of(1000, maximum_bodies=4)
    uploads = [Upload() for _ in range(10)]
    holders: list[Held] = []
    for what, number, size in steps:
        if what == "t":
            budget.take(uploads[number], size % 700)
        elif what == "g":
            budget.give_back(uploads[number])
        elif what in "ah":
            holder = Held(size % 700 + 1, has_begun=what == "a")
            if budget.hold(holder):
                holders.append(holder)
        elif holders:
            budget.let_go(holders.pop(number % len(holders)))
        assert budget.charged_bytes <= 1000
        on_disk = [each for each in holders if not each.is_refused]
        assert len(budget) + len(on_disk) <= 4
    for upload in uploads:
        budget.give_back(upload)
    for holder in holders:
        budget.let_go(holder)
    assert (budget.held, len(budget), budget.charged_bytes) == (0, 0, 0)
