"""Bodies that are being received: so many and no more, and the slowest go first."""

from __future__ import annotations

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
