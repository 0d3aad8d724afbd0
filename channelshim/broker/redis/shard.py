"""One shard of the channels: the client ids of one hash, as this process sees them.

Theory. Redis says which front each id is connected to, and tells one front at a time of
a change of presence. Here are the ids of this process, the changes that it is telling
the app, and what was asked and not answered. After each joining both sides are made
equal: ids that only Redis has are taken over, ids that only this process has are
brought back with the number that their pages have, and changes that nobody here is
telling any more are told again.

Explored by tests/properties/test_delivery_over_redis.py and, with processes of their
own, by tests/failures/test_redis.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from channelshim.broker.redis.calls import Call, sequence_of
from channelshim.broker.redis.inbox import Entry, Inbox, Local
from channelshim.broker.redis.packing import texts_of
from channelshim.broker.redis.session import LEASE_SECONDS, Ask, Session
from channelshim.contracts.broker import Replay, Subscriber
from channelshim.contracts.presence import Change
from channelshim.errors import BrokerError
from channelshim.protocol.tokens import client_id_bytes, client_id_text

ATTACHES: Final = 100
"""Client ids of one call."""

CHANGES: Final = {b"c": Change.CONNECTED, b"d": Change.DISCONNECTED}
_WORDS: Final = {change: word for word, change in CHANGES.items()}

AWAY: Final = "Redis is away"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What windows and replays are bounded by.

    Attributes:
        window: how long a message is kept, microseconds.
        messages: of a client id.
        client_bytes: of a client id.
        total_bytes: of a shard.
    """

    window: int
    messages: int
    client_bytes: int
    total_bytes: int

    def of_replay(self) -> list[bytes]:
        """Return them as arguments of the functions that replay."""
        return [
            b"%d" % each for each in (self.window, self.messages, self.client_bytes)
        ]

    def of_publish(self) -> list[bytes]:
        """Return them as arguments of publish.lua."""
        blocks = self.messages // 32 + 2
        return [b"%d" % each for each in (self.window, self.total_bytes, blocks)]


class Owner(Protocol):
    """Who has the shards. Loop thread."""

    def woken(self) -> None:
        """Note that something can be collected."""

    def tell(self, client_id: str, what: Change) -> None:
        """See contracts.Broker."""

    def adopt(self, client_ids: Sequence[str]) -> None:
        """See contracts.Broker."""

    def away(self) -> None:
        """Note that messages wait."""

    def fence(self) -> None:
        """Note that others have the ids of a shard now."""

    def acknowledged(self) -> None:
        """Note that a batch is safe, or that the shard is back."""


@dataclass(slots=True, eq=False)
class Attach:
    """One attach that is asked for; a contracts.Attachment as well."""

    local: Local
    after: int | None
    opened: Callable[[Replay], None]
    failed: Callable[[BrokerError], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        """See contracts.Attachment."""
        self.is_cancelled = True


@dataclass(slots=True, eq=False)
class AttachCall(Call):
    """A call of attach.lua."""

    attaches: tuple[Attach, ...] = ()


class Shard:
    """One shard. Loop thread.

    Args:
        bounds: of windows.
        owner: who has it.

    Attributes:
        inbox: the ids here.
        session: the connection.
        last_batch: the last one that was sent, or waits to be.
        waiting_bytes: of batches that are not acknowledged.
    """

    def __init__(
        self, bounds: Bounds, owner: Owner, make_session: Callable[[Shard], Session]
    ) -> None:
        self.inbox: Inbox = Inbox()
        self.last_batch: int = 0
        self.waiting_bytes: int = 0
        self._bounds = bounds
        self._owner = owner
        self._telling: dict[str, Change] = {}
        # In a new epoch, until Redis has them all: the link may be lost meanwhile.
        self._must_repeat_ends = False
        # Ids that were here when it was fenced, and their numbers.
        self._orphans: dict[str, int] = {}
        # Ids whose release is not answered, and their numbers.
        self._leaving: dict[str, int] = {}
        self.session: Session = make_session(self)

    # --- What the broker asks ---------------------------------------------------------

    def publish(self, arguments: Sequence[bytes]) -> None:
        """Send a batch; see batches.arguments_of."""
        self.last_batch += 1
        number = self.last_batch
        size = sum(map(len, arguments))
        self.waiting_bytes += size

        def acknowledged(_: Any) -> None:
            self.session.batch = number
            self.waiting_bytes -= size
            self._owner.acknowledged()

        bounds = self._bounds.of_publish()
        self.session.ask(
            Call("publish", [b"%d" % number, *bounds, *arguments], acknowledged)
        )

    def attach(
        self,
        client_id: str,
        subscriber: Subscriber,
        after: int | None,
        opened: Callable[[Replay], None],
        failed: Callable[[BrokerError], None],
    ) -> Attach:
        """See contracts.Broker."""
        local = self.inbox.begin(client_id)
        local.subscriber = subscriber
        attach = Attach(local, after, opened, failed)
        arguments = _attach_arguments(client_id, after, b"a")
        unsent = self.session.unsent
        if unsent and isinstance(last := unsent[-1], AttachCall):
            if len(last.attaches) < ATTACHES:
                last.attaches += (attach,)
                last.arguments += arguments
                return attach
        call = AttachCall(
            "attach",
            [*self._bounds.of_replay(), *arguments],
            lambda reply: self._attached(call, reply),
            lambda error: _fail_attaches(self.inbox, call, error),
            attaches=(attach,),
        )
        self.session.ask(call)
        return attach

    def _attached(self, call: AttachCall, reply: Any) -> None:
        for place, attach in enumerate(call.attaches):
            number, what, texts = reply[3 * place : 3 * place + 3]
            replay = Replay(int(number), texts_of(texts))
            local = attach.local
            self._tell(local.client_id, what)
            self.inbox.answered(local, replay.last_number)
            if not attach.is_cancelled:
                attach.opened(replay)
        if self.inbox.has_something:
            self._owner.woken()

    def replay(
        self,
        client_id: str,
        after: int | None,
        done: Callable[[Replay], None],
        failed: Callable[[BrokerError], None],
    ) -> None:
        """See contracts.Broker."""

        def answered(reply: Any) -> None:
            number, texts = reply
            done(Replay(int(number), texts_of(texts)))

        number = b"" if after is None else b"%d" % after
        arguments = [*self._bounds.of_replay(), client_id_bytes(client_id), number]
        self.session.ask(Call("replay", arguments, answered, failed))

    def expect(
        self,
        client_id: str,
        done: Callable[[int], None],
        failed: Callable[[BrokerError], None],
    ) -> None:
        """Make an id known; see contracts.Broker."""
        arguments = [b"%d" % self._bounds.window, client_id_bytes(client_id)]
        self.session.ask(
            Call("expect", arguments, lambda reply: done(int(reply)), failed)
        )

    def release(self, client_id: str) -> None:
        """See contracts.Broker."""
        local = self.inbox.drop(client_id)
        if local is None:
            return
        self._leaving[client_id] = local.number

        def answered(reply: Any) -> None:
            self._leaving.pop(client_id, None)
            for what in sequence_of(reply):
                self._tell(client_id, what)

        self.session.ask(Call("release", [client_id_bytes(client_id)], answered))

    def told(self, client_id: str, what: Change) -> None:
        """See contracts.Broker."""

        def answered(reply: Any) -> None:
            if self._telling.get(client_id) is what:
                del self._telling[client_id]
            self._tell(client_id, reply or b"")

        arguments = [client_id_bytes(client_id), _WORDS[what]]
        self.session.ask(Call("told", arguments, answered))

    def _tell(self, client_id: str, word: bytes) -> None:
        if word:
            self._telling[client_id] = CHANGES[word]
            self._owner.tell(client_id, CHANGES[word])

    # --- What the session asks --------------------------------------------------------

    def put(self, entry: Entry) -> None:
        """See session.Owner."""
        self.inbox.put(entry)

    def woken(self) -> None:
        """See session.Owner."""
        self._owner.woken()

    def ready(self) -> None:
        """See session.Owner."""
        self._owner.acknowledged()
        if self.inbox.has_something:
            self._owner.woken()

    def away(self) -> None:
        """See session.Owner."""
        self._owner.away()

    def renew_arguments(self) -> list[bytes]:
        """See session.Owner."""
        bounds = self._bounds
        lease = int(LEASE_SECONDS * 1e6)
        return [b"%d" % each for each in (lease, bounds.window, bounds.total_bytes)]

    def renewed(self, reply: Any) -> None:
        """See session.Owner: take ids over from a front that has died."""
        if not reply:
            return
        taken, tells, has_more = reply
        self._adopt(map(client_id_text, taken))
        for place in range(0, len(tells), 2):
            self._tell(client_id_text(tells[place]), tells[place + 1])
        if has_more == b"1":
            self.session.ask(Call("renew", self.renew_arguments(), self.renewed))

    def _adopt(self, client_ids: Iterable[str]) -> None:
        new = [each for each in client_ids if self.inbox.adopt(each)]
        if new:
            self._owner.adopt(new)

    def fence(self) -> None:
        """See session.Owner: fail what pages wait for, and forget the ids."""
        for local in self.inbox.locals.values():
            self._orphans[local.client_id] = local.number
        kept = [call for call in self.session.unsent if call.failed is None]
        failing = [call for call in self.session.unsent if call.failed is not None]
        self.session.unsent.clear()
        # A release would be of ids that are not this process's any more.
        self.session.unsent.extend(c for c in kept if c.script in ("publish", "told"))
        self._orphans.update(self._leaving)
        self._leaving.clear()
        self.inbox.clear()
        for call in failing:
            assert call.failed is not None
            call.failed(BrokerError(AWAY))
        self._owner.fence()

    async def rejoin(self, ask: Ask, *, is_kept: bool, is_new_epoch: bool) -> None:
        """See session.Owner."""
        orphans = {**self._orphans, **self._leaving}
        self._orphans = {}
        if is_new_epoch and orphans:
            # Nobody has taken them over: Redis may not know of them any more.
            for client_id, number in orphans.items():
                if self.inbox.adopt(client_id):
                    self.inbox.locals[client_id].number = number
            self._owner.adopt(list(orphans))
        gone = [
            client_id_bytes(client_id)
            for client_id, what in self._telling.items()
            if what is Change.DISCONNECTED
        ]
        self._must_repeat_ends |= is_new_epoch
        if self._must_repeat_ends:
            for at in range(0, len(gone), ATTACHES):
                await ask("telling", *gone[at : at + ATTACHES])
            self._must_repeat_ends = False
        if not is_kept:
            await self._bring(ask)
        await self._take_unknown(ask)
        tells = await ask("tells")
        for place in range(0, len(tells), 2):
            client_id, what = client_id_text(tells[place]), tells[place + 1]
            if self._telling.get(client_id) is not CHANGES.get(what):
                self._tell(client_id, what)

    async def _bring(self, ask: Ask) -> None:
        """Connect every id of this process again, and deliver what it missed."""
        locals_ = list(self.inbox.locals.values())
        for at in range(0, len(locals_), ATTACHES):
            part = locals_[at : at + ATTACHES]
            arguments = self._bounds.of_replay()
            for local in part:
                self.inbox.begin(local.client_id)
                after = local.number if local.number >= 0 else None
                arguments += _attach_arguments(local.client_id, after, b"b")
            try:
                reply = await ask("attach", *arguments)
            except BaseException:
                for local in part:
                    self.inbox.given_up(local)
                raise
            for place, local in enumerate(part):
                number, what, texts = reply[3 * place : 3 * place + 3]
                replay = Replay(int(number), texts_of(texts))
                self._tell(local.client_id, what)
                self.inbox.rejoined(local, replay.texts, replay.last_number)

    async def _take_unknown(self, ask: Ask) -> None:
        """Take over what Redis says is connected to this front, and is not known here.

        The answer that said so was lost with the connection.
        """
        ids = await ask("ids")
        known = map(client_id_text, ids)
        self._adopt(each for each in known if each not in self._leaving)


def _attach_arguments(client_id: str, after: int | None, kind: bytes) -> list[bytes]:
    number = b"" if after is None else b"%d" % after
    return [client_id_bytes(client_id), number, kind]


def _fail_attaches(inbox: Inbox, call: AttachCall, error: BrokerError) -> None:
    for attach in call.attaches:
        inbox.given_up(attach.local)
        if not attach.is_cancelled:
            attach.failed(error)
