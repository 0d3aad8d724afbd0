"""The guarantees of delivery and presence, under any order of events.

A machine of hypothesis drives protocol, broker and hub with sends, tokens, tabs, lines
that drop at once or only when a ping finds them dead, resumes, reloads, restarts and
clock steps. Beside them runs a model of a few lines that knows what everyone is owed.
A second machine does the same over a broker whose answers come later, so that pages
leave before they are let in, and messages come while a page is being let in.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
)

from channelshim.broker.memory import MemoryBroker
from channelshim.contracts.broker import Broker
from channelshim.hub import connections
from channelshim.hub.hub import RETURN_SECONDS, Hub
from tests.broker.delayed import DelayedBroker
from tests.exploring import Cases, explored
from tests.hub.parts import Connected, Page, RecordedReports, cut_text
from tests.stepped_clock import SteppedClock, SteppedLoop

GRACE = 2.0
PING_INTERVAL = 5.0
PING_TIMEOUT = 3.0
WINDOW = PING_INTERVAL + PING_TIMEOUT + GRACE + 1.0
"""As the doors set it, with one second for the heartbeat's slots."""

CLIENT_IDS = ("a", "b")


class Line(Page):
    """A page's connection; once cut, writes vanish until the ping finds out."""

    def __init__(self, client_id: str, nonce: bytes, visit: Visit) -> None:
        super().__init__(client_id, nonce)
        self.visit = visit
        self.is_cut = False
        self.is_slow = False
        self.was_slow = False
        self.awaits_answer = False

    def takes_more(self) -> bool:
        """A reader that is behind gets no piece of what it missed."""
        return not self.is_slow

    def come_back(self) -> None:
        """A slow page may have been left behind by its window."""
        self.visit.is_late = self.visit.is_late or self.was_slow
        super().come_back()

    def open(self, number: int, owed: bytes) -> None:
        """The hello: a number ahead of the page's own is a gap that it can see."""
        self.visit.hello(number)
        self.take(owed)

    def take(self, frames: bytes) -> None:
        """Reach the page, unless the line is dead without anybody knowing."""
        while frames and not self.is_cut:
            text, frames = cut_text(frames)
            self.visit.receive((text,))

    def has_answered(self) -> bool:
        """A dead line answers no ping that comes after its death."""
        return not self.awaits_answer

    def ping(self) -> bool:
        """See Page."""
        self.awaits_answer = self.is_cut
        return super().ping()


@dataclass(eq=False)
class Visit:
    """One page: what channel.js keeps, and every text that reached it.

    Attributes:
        start: how many messages of its id were sent before its token was made.
        number: of the last message seen; None before the first hello.
        gaps: hellos that showed that something was skipped.
        away_since: when it last had no line.
        may_be_away: for how long its id is known for certain, so that what is sent is
            kept: expected after its token was made, connected until a dead line is
            noticed, then in grace.
        is_late: whether it was ever away for longer than that.
    """

    client_id: str
    nonce: bytes
    token_number: int
    start: int
    number: int | None = None
    texts: list[str] = field(default_factory=list)
    gaps: int = 0
    line: Line | None = None
    away_since: float = 0.0
    may_be_away: float = WINDOW - 1.0
    is_late: bool = False

    def hello(self, number: int) -> None:
        """Take the server's number, and note whether it jumps."""
        if self.number is not None and number != self.number:
            self.gaps += 1
        self.number = number

    def receive(self, texts: tuple[str, ...]) -> None:
        """Count each text."""
        assert self.number is not None
        self.number += len(texts)
        self.texts += texts


class KeptWindows:
    """Implements contracts.Windows."""

    def __init__(self) -> None:
        self.saved: bytes | None = None

    def save_windows(self, saved: bytes | None) -> None:
        """See contracts.Windows."""
        self.saved = saved

    def load_windows(self) -> bytes | None:
        """See contracts.Windows."""
        return self.saved


class Delivery(RuleBasedStateMachine):
    """Protocol, broker and hub, and the model beside them."""

    is_delayed: ClassVar[bool] = False

    visits = Bundle("visits")

    def __init__(self) -> None:
        super().__init__()
        self.clock = SteppedClock()
        self.everything: list[Visit] = []
        self.sent: dict[str, list[str]] = {client_id: [] for client_id in CLIENT_IDS}
        self.told: dict[str, bool] = dict.fromkeys(CLIENT_IDS, False)
        self.count = 0
        self.windows = KeptWindows()
        self.start([])

    def start(self, connected: list[str]) -> None:
        """Start a process, with what an earlier one has saved."""
        self.loop = SteppedLoop(self.clock)
        self.reports = RecordedReports()
        self.seen_changes = 0
        self.broker = self.open_broker(connected)
        self.hub = Hub(
            self.broker,
            self.clock,
            self.reports.tell,
            grace_seconds=GRACE,
            ping_interval_seconds=PING_INTERVAL,
            ping_timeout_seconds=PING_TIMEOUT,
        )
        self.hub.start(cast(Any, self.loop))

    def open_broker(self, connected: list[str]) -> Broker:
        """Return the broker of a new process."""
        memory = MemoryBroker(
            self.clock,
            windows=self.windows,
            journal=Connected(connected),
            window_seconds=WINDOW,
        )
        if not self.is_delayed:
            return memory
        loop = self.loop
        return DelayedBroker(
            memory,
            lambda call: loop.call_later(0.0, call),
            random.Random(self.count),
        )

    # --- What happens -----------------------------------------------------------------

    @rule(target=visits, client_id=st.sampled_from(CLIENT_IDS))
    def create_channel(self, client_id: str) -> Visit:
        """A page is rendered with a token of its own."""
        self.count += 1
        number = self.broker.expect(client_id)
        # What was sent before the token is none of this page's business.
        start = len(self.sent[client_id])
        visit = Visit(client_id, b"%d" % self.count, number, start)
        visit.away_since = self.clock.monotonic()
        self.everything.append(visit)
        return visit

    @rule(client_id=st.sampled_from(CLIENT_IDS), count=st.integers(1, 4))
    def send(self, client_id: str, count: int) -> None:
        """The app sends; whether the loop turns in between is another rule's."""
        for _ in range(count):
            self.count += 1
            text = f"{client_id}{self.count}"
            self.sent[client_id].append(text)
            self.broker.publish(client_id, text)

    @rule(client_ids=st.lists(st.sampled_from(CLIENT_IDS), min_size=2, max_size=9))
    def send_to_many(self, client_ids: list[str]) -> None:
        """The app sends one text to a list of receivers, with ids in it twice."""
        self.count += 1
        text = f"all{self.count}"
        for client_id in client_ids:
            self.sent[client_id].append(text)
            self.broker.publish(client_id, text)

    @rule(visit=visits)
    def connect(self, visit: Visit) -> None:
        """A page opens its socket, or comes back with its number."""
        if visit.line is not None and not (visit.line.is_cut or visit.line.end):
            return
        away = self.clock.monotonic() - visit.away_since
        visit.is_late = visit.is_late or away >= visit.may_be_away
        visit.line = Line(visit.client_id, visit.nonce, visit)
        self.hub.attach(visit.line, visit.token_number, visit.number)

    @rule(visit=visits)
    def drop(self, visit: Visit) -> None:
        """The line ends and both sides notice at once."""
        line, visit.line = visit.line, None
        if line is not None and not line.is_cut:
            visit.away_since = self.clock.monotonic()
            visit.may_be_away = GRACE - 0.05
            self.hub.detach(line)

    @rule(visit=visits)
    def cut(self, visit: Visit) -> None:
        """The line dies; the server will notice at the ping's end, or a resume."""
        if visit.line is not None and not visit.line.is_cut:
            visit.line.is_cut = True
            visit.away_since = self.clock.monotonic()
            # A ping may go out at once.
            visit.may_be_away = PING_TIMEOUT + GRACE - 0.05

    @rule(visit=visits)
    def stall(self, visit: Visit) -> None:
        """A page reads no more for a while; what it missed waits."""
        if visit.line is not None:
            visit.line.is_slow = visit.line.was_slow = True

    @rule(visit=visits)
    def read_on(self, visit: Visit) -> None:
        """It reads again."""
        if visit.line is not None and visit.line.is_slow:
            visit.line.is_slow = False
            self.hub.catch_up(visit.line)

    @rule(visit=consumes(visits))
    def leave(self, visit: Visit) -> None:
        """The tab is closed for good."""
        self.drop(visit)

    @rule()
    def turn(self) -> None:
        """The loop runs what is due now."""
        self.loop.run()

    @rule(seconds=st.sampled_from([0.1, 0.9, 1.9, 2.1, 3.0, 5.0, 12.0]))
    def pass_time(self, seconds: float) -> None:
        """Time goes on."""
        self.loop.run(seconds)

    @rule(seconds=st.sampled_from([1.0, 3600.0]))
    def set_clock_back(self, seconds: float) -> None:
        """Somebody corrects the wall clock."""
        self.clock.set_back(seconds)

    @rule(seconds=st.sampled_from([0.0, 0.5]))
    def restart(self, seconds: float) -> None:
        """An orderly stop, and another process that takes the windows over."""
        self.hub.stop()
        self.broker.stop()
        self.note_changes()
        for visit in self.everything:
            if visit.line is not None:
                if not visit.line.is_cut:
                    visit.away_since = self.clock.monotonic()
                    visit.may_be_away = GRACE - 0.05
                visit.line = None
        self.clock.step(seconds)
        self.start([c for c, is_told in self.told.items() if is_told])

    # --- What must be so --------------------------------------------------------------

    def note_changes(self) -> None:
        """Reports alternate: connected, disconnected, connected and so on."""
        for change, client_id in self.reports.changes[self.seen_changes :]:
            is_connected = change == "connected"
            assert self.told[client_id] != is_connected, f"{client_id}: {change} twice"
            self.told[client_id] = is_connected
        self.seen_changes = len(self.reports.changes)

    @invariant()
    def presence_is_never_wrong(self) -> None:
        """An id with an open line is never reported as gone."""
        self.note_changes()
        for visit in self.everything:
            if visit.line is not None and visit.line.is_attached:
                assert self.told[visit.client_id]

    @invariant()
    def texts_come_in_order_and_at_most_once(self) -> None:
        """What a page got is part of what was sent, in its order."""
        for visit in self.everything:
            sent = self.sent[visit.client_id]
            place = visit.start
            for text in visit.texts:
                assert text in sent[place:], f"{text} once more, or late"
                place = sent.index(text, place) + 1

    @invariant()
    def nothing_is_skipped_within_the_window(self) -> None:
        """A page that was never away too long has got all of it, without a gap."""
        for visit in self.everything:
            line = visit.line
            if visit.is_late or line is None or line.is_cut or not line.is_attached:
                continue
            sent = self.sent[visit.client_id][visit.start :]
            assert visit.gaps == 0
            assert visit.texts == sent[: len(visit.texts)]

    def teardown(self) -> None:
        """When all is still, everybody has got everything, and then all go."""
        for visit in self.everything:
            self.read_on(visit)
        self.loop.run()
        for visit in self.everything:
            line = visit.line
            if visit.is_late or line is None or line.is_cut or not line.is_attached:
                continue
            assert visit.texts == self.sent[visit.client_id][visit.start :]
        for visit in self.everything:
            self.drop(visit)
        self.loop.run(PING_INTERVAL + PING_TIMEOUT + GRACE + RETURN_SECONDS + 2)
        self.note_changes()
        assert not any(self.told.values())
        assert self.hub.connection_count == 0


class DelayedDelivery(Delivery):
    """The same over a broker whose answers come later."""

    is_delayed = True


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    # A text or two.
    monkeypatch.setattr(connections, "REPLAY_PIECE_BYTES", 10)


@explored(150, 3000)
def test_the_guarantees_hold_under_any_order_of_events(cases: Cases) -> None:
    cases.check_machine(Delivery, 100 if cases.is_explored else 40)


@explored(150, 3000)
def test_they_hold_when_the_broker_answers_later(cases: Cases) -> None:
    cases.check_machine(DelayedDelivery, 100 if cases.is_explored else 40)
