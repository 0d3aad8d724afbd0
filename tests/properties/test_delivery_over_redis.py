"""What was answered reaches its pages, whatever happens to processes and connections.

Several processes share a Redis. They send, their pages move from one to another,
connections to Redis are lost at any moment, and processes are killed and others come.
Beside them runs a model: what a page is owed are the texts that were sent to its id
since it came, each once and in one order, and none may lack of those that were safe.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial

import pytest

from channelshim.broker.redis import session, shard
from tests.broker.redis.conftest import Front, Fronts
from tests.exploring import Cases, explored
from tests.redis_servers import RedisServer

pytestmark = pytest.mark.redis

CLIENT_IDS = ("a", "b", "c")


class Visitor:
    """The page of one id, wherever it is."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        self.texts: list[str] = []
        self.number: int | None = None
        self.front: Front | None = None

    def come_to(self, front: Front) -> None:
        """Connect, from where it left off."""
        self.front = front
        front.got.pop(self.client_id, None)
        front.open_page(self.client_id, after=self.number)

    @property
    def is_let_in(self) -> bool:
        """Return whether it has its number."""
        return self.front is not None and self.client_id in self.front.numbers

    def go(self) -> Front:
        """Leave; what it has got stays its own."""
        front, self.front = self.front, None
        assert front is not None
        self.texts += front.got.pop(self.client_id, [])
        self.number = front.numbers.pop(self.client_id)
        return front


class Play:
    """One random course of events."""

    def __init__(self, fronts: Fronts, chance: random.Random) -> None:
        self.fronts = fronts
        self.chance = chance
        self.running = [fronts() for _ in range(chance.choice((2, 3)))]
        self.all = list(self.running)
        self.client = fronts.server.client()
        self.visitors = [Visitor(client_id) for client_id in CLIENT_IDS]
        self.sent: dict[str, list[str]] = {name: [] for name in CLIENT_IDS}
        self.safe: set[str] = set()
        self.count = 0
        # Pages that have moved, and from where.
        self.left: list[tuple[Visitor, Front]] = []

    def run(self) -> None:
        """Begin, play, and look at what came of it."""
        for visitor in self.visitors:
            visitor.come_to(self.chance.choice(self.running))
        self.fronts.run_until(lambda: all(v.is_let_in for v in self.visitors))
        acts = [self.send] * 10 + [self.move] * 3 + [self.cut, self.kill, self.wait]
        for _ in range(60):
            self.chance.choice(acts)()
            self.end_graces()
            if self.chance.random() < 0.5:
                self.fronts.run_until(lambda: True)
        self.check()
        self.client.close()

    def send(self) -> None:
        front = self.chance.choice(self.running)
        for _ in range(self.chance.choice((1, 1, 5))):
            self.count += 1
            text = f"{self.all.index(front)} {self.count}"
            for client_id in self.chance.sample(CLIENT_IDS, self.chance.randint(1, 3)):
                self.sent[client_id].append(text)
                front.broker.publish(client_id, text)
            front.broker.when_safe(partial(self._note_safe, front, text))

    def _note_safe(self, front: Front, text: str) -> None:
        # A process that was killed has answered nobody.
        if not front.is_dead:
            self.safe.add(text)

    def move(self) -> None:
        visitor = self.chance.choice(self.visitors)
        if visitor.is_let_in:
            old = visitor.go()
            visitor.come_to(self.chance.choice(self.running))
            if old is not visitor.front:
                self.left.append((visitor, old))

    def end_graces(self) -> None:
        """Have the process that a page has left forget it, once it is elsewhere."""
        for visitor, old in self.left[:]:
            if visitor.is_let_in:
                self.left.remove((visitor, old))
                if old is not visitor.front and not old.is_dead:
                    old.close_page(visitor.client_id)

    def cut(self) -> None:
        self.client.client_kill_filter(_type="normal", skipme=True)

    def kill(self) -> None:
        # Whoever is not let in yet would ask once more, as nobody here does.
        if not all(visitor.is_let_in for visitor in self.visitors):
            return
        victim = self.chance.choice(self.running)
        self.running.remove(victim)
        victim.die()
        self.running.append(self.fronts())
        self.all.append(self.running[-1])
        for visitor in self.visitors:
            if visitor.front is victim:
                visitor.go()
                visitor.come_to(self.chance.choice(self.running))

    def wait(self) -> None:
        self.fronts.settle()

    def check(self) -> None:
        owed = {
            name: [text for text in sent if text in self.safe]
            for name, sent in self.sent.items()
        }

        def has_all(visitor: Visitor) -> bool:
            if not visitor.is_let_in or visitor.front is None:
                return False
            got = visitor.texts + visitor.front.got[visitor.client_id]
            return set(owed[visitor.client_id]) <= set(got)

        self.fronts.run_until(lambda: all(map(has_all, self.visitors)), 20)
        self.fronts.settle()
        for visitor in self.visitors:
            visitor.go()
            got = visitor.texts
            assert len(got) == len(set(got)), "a text came twice"
            for number in range(len(self.all)):
                own = [text for text in got if text.startswith(f"{number} ")]
                sent = [text for text in self.sent[visitor.client_id] if text in own]
                assert own == sent, "the texts of one process came in another order"
        assert not any(front.gaps for front in self.running)
        assert not any(front.losses for front in self.running)
        self.check_presence()

    def check_presence(self) -> None:
        """Nobody who is connected was told gone, and each was told at least once."""
        told = [each for front in self.all for each in front.told]
        for client_id in CLIENT_IDS:
            assert ("connected", client_id) in told


@pytest.fixture
def fronts(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Fronts]:
    monkeypatch.setattr(session, "SETTLE_SECONDS", 0.0)
    for module in (session, shard):
        monkeypatch.setattr(module, "LEASE_SECONDS", 2.0)
    monkeypatch.setattr(session, "RENEW_SECONDS", 0.2)
    opened = Fronts(redis_server, "unused")
    yield opened
    opened.close()


@explored(5, 60)
def test_what_was_safe_reaches_its_pages(cases: Cases, fronts: Fronts) -> None:
    chance = cases.random()
    for case in range(cases.count):
        fronts.begin(f"play {case} {chance.random()}")
        Play(fronts, chance).run()
