"""What the mailbox has brought, as deliveries for the hub.

Theory. An entry of the mailbox is texts, the ids of this process that are owed them,
and the number that each id has after them. An id here knows the number of its last
message (`Local.number`), so that an entry is *next* for it when the difference is just
the count of its texts. Where it is next for all its ids, nothing need be looked at but
these numbers. Everything else is rare and goes id by id:

- an id whose `attach` is unanswered holds its entries back (`Local.gate` is then never
  next): they are cut by number once the answer says what the page has got;
- an entry that was delivered already, as after a connection that was lost in between,
  is cut by number;
- numbers that were skipped cannot be made good: the id's number goes on, and the hub,
  which sees the gap, has the page come back.

Entries of one pass that have the same ids, and most have, are joined by comparing whole
lists, as broker.runs does for what is published; the plain way is beside it.
Explored by tests/broker/redis/test_inbox.py against looking at each id by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, cast

from channelshim.broker.redis.packing import unpack_ids
from channelshim.broker.runs import parts_of
from channelshim.contracts.broker import Delivery, Subscriber

KNOWN_LISTS: Final = 256
"""Lists of ids that are remembered with who they are here."""

_NEVER: Final = -1
"""A gate that no number fits."""


class Entry(NamedTuple):
    """What one batch brought.

    Attributes:
        texts: oldest first.
        packed_ids: as they came, equal bytes for equal lists.
        numbers: of the last text, for each id.
    """

    texts: tuple[str, ...]
    packed_ids: bytes
    numbers: Sequence[int]


class Local:
    """A client id that is connected to this process; a contracts.Receiver as well.

    Attributes:
        client_id: any text.
        number: that of the last message that was delivered; -1 before the first answer.
        gate: the same, or -1 while an attach is unanswered.
        subscriber: the hub's.
        unanswered: attaches.
        held: texts and numbers that wait for them.
    """

    __slots__ = ("client_id", "gate", "held", "number", "subscriber", "unanswered")

    def __init__(self, client_id: str) -> None:
        self.client_id: str = client_id
        self.number: int = _NEVER
        self.gate: int = _NEVER
        self.subscriber: Subscriber = ()
        self.unanswered: int = 0
        self.held: list[tuple[tuple[str, ...], int]] = []


class Inbox:
    """The ids of this process, and what has come for them. Loop thread.

    Attributes:
        locals: by client id.
    """

    def __init__(self) -> None:
        self.locals: dict[str, Local] = {}
        self._entries: list[Entry] = []
        # Cut by number before anything else: what was held, or replayed.
        self._late: list[tuple[Local, tuple[str, ...], int]] = []
        self._lists: dict[bytes, list[Local | None]] = {}

    @property
    def has_something(self) -> bool:
        """Return whether collect has something to look at."""
        return bool(self._entries or self._late)

    def put(self, entry: Entry) -> None:
        """Take an entry of the mailbox."""
        self._entries.append(entry)

    def clear(self) -> None:
        """Forget everything: another process has these ids now."""
        self._entries.clear()
        self._late.clear()
        self._lists.clear()
        self.locals.clear()

    # --- Attaching --------------------------------------------------------------------

    def begin(self, client_id: str) -> Local:
        """Note an attach that is asked for."""
        local = self.locals.get(client_id)
        if local is None:
            local = self.locals[client_id] = Local(client_id)
            self._lists.clear()
        local.unanswered += 1
        local.gate = _NEVER
        return local

    def answered(self, local: Local, last_number: int) -> None:
        """Note the answer: what the first page of an id gets, it gets from there."""
        if local.number == _NEVER:
            local.number = last_number
        self.given_up(local)

    def given_up(self, local: Local) -> None:
        """Note that there is no answer, or that it was taken."""
        local.unanswered -= 1
        if not local.unanswered:
            local.gate = local.number
            self._late = [(local, *each) for each in local.held] + self._late
            local.held = []

    def rejoined(self, local: Local, texts: tuple[str, ...], last_number: int) -> None:
        """Note the answer to a page that was here all the time, and what it missed."""
        self.answered(local, last_number)
        # Before what was held, which follows it.
        self._late.insert(0, (local, texts, last_number))

    def adopt(self, client_id: str) -> bool:
        """Note an id that Redis says is connected here; return whether it is new."""
        if client_id in self.locals:
            return False
        self.locals[client_id] = Local(client_id)
        self._lists.clear()
        return True

    def drop(self, client_id: str) -> Local | None:
        """Forget an id: no page of it is left."""
        local = self.locals.pop(client_id, None)
        if local is not None:
            self._lists.clear()
        return local

    # --- Collecting -------------------------------------------------------------------

    def collect(self) -> list[tuple[tuple[str, ...], list[Local]]]:
        """Return what has come since the last call; see contracts.Broker.collect."""
        entries, self._entries = self._entries, []
        late, self._late = self._late, []
        runs: list[tuple[tuple[str, ...], list[Local]]] = []
        for local, texts, number in late:
            self._cut(local, texts, number, runs)
        for texts, packed_ids, numbers in entries:
            self._deliver(texts, packed_ids, numbers, runs)
        if not runs:
            return []
        first = runs[0][1]
        if all(owed is first for _, owed in runs):
            return [(tuple([text for texts, _ in runs for text in texts]), first)]
        return _joined(runs)

    def _deliver(
        self,
        texts: tuple[str, ...],
        packed_ids: bytes,
        numbers: Sequence[int],
        runs: list[tuple[tuple[str, ...], list[Local]]],
    ) -> None:
        owed = self._lists.get(packed_ids)
        if owed is None:
            owed = self._list(packed_ids)
        count = len(texts)
        rest: list[int] = []
        for place, (local, number) in enumerate(zip(owed, numbers, strict=True)):
            if local is not None and local.gate + count == number:
                local.gate = local.number = number
            else:
                rest.append(place)
        if not rest:
            runs.append((texts, cast("list[Local]", owed)))
            return
        others = set(rest)
        next_ones = [each for at, each in enumerate(owed) if at not in others]
        if next_ones:
            runs.append((texts, cast("list[Local]", next_ones)))
        for place in rest:
            local = owed[place]
            if local is not None:
                self._cut(local, texts, numbers[place], runs)

    def _list(self, packed_ids: bytes) -> list[Local | None]:
        """Return who the ids of a list are here; None for one that has gone."""
        if len(self._lists) >= KNOWN_LISTS:
            self._lists.clear()
        owed = [self.locals.get(client_id) for client_id in unpack_ids(packed_ids)]
        self._lists[packed_ids] = owed
        return owed

    def _cut(
        self,
        local: Local,
        texts: tuple[str, ...],
        number: int,
        runs: list[tuple[tuple[str, ...], list[Local]]],
    ) -> None:
        """Deliver to one id what it has not got yet."""
        if local.unanswered:
            local.held.append((texts, number))
            return
        if local.number == _NEVER:
            # Taken over from another process: no page of it is here yet.
            local.gate = local.number = number
            return
        missing = number - local.number
        if missing <= 0:
            return
        local.gate = local.number = number
        if missing < len(texts):
            texts = texts[-missing:]
        runs.append((texts, [local]))


def _joined(
    runs: list[tuple[tuple[str, ...], list[Local]]],
) -> list[tuple[tuple[str, ...], list[Local]]]:
    """Return one delivery for equal texts; each id stands in one."""
    # By identity, whatever they are: it compares and hashes.
    parts: Any = parts_of(cast(Any, runs))
    groups: dict[tuple[str, ...], list[Local]] = {}
    if parts is not None:
        for owed, pieces in parts:
            texts = tuple([text for piece in pieces for text in piece])
            groups.setdefault(texts, []).extend(owed)
        return list(groups.items())
    waiting: dict[Local, list[str]] = {}
    for texts, owed in runs:
        for local in owed:
            waiting.setdefault(local, []).extend(texts)
    for local, own in waiting.items():
        groups.setdefault(tuple(own), []).append(local)
    return list(groups.items())


def merged(
    pieces: Iterable[tuple[tuple[str, ...], list[Local]]],
) -> list[Delivery]:
    """Return the deliveries of several shards, one for equal texts."""
    groups: dict[tuple[str, ...], list[Local]] = {}
    for texts, owed in pieces:
        groups[texts] = groups[texts] + owed if texts in groups else owed
    return [Delivery(texts, owed) for texts, owed in groups.items()]
