"""Runs: the same text sent to one client id after the other, as apps do.

A handler that sends one text to a thousand ids leaves one list of a thousand ids
behind, and the next handler one more, mostly equal to the first. So publishing touches
nothing but the list's end, and what each id is owed is found by comparing whole lists,
which the interpreter does in C.

How `parts_of` finds it. The lists are read from the oldest on, each from its first id
to its last. At any point the ids read so far are divided into *parts*: ids that stood
one behind the other whenever they were sent to, and the texts that they are owed. Two
things hold after each step, and everything follows from them:

1. An id stands in one part only, and there once.
2. Each id of a part was sent that part's texts, in that order, and nothing else.

A step takes the longest piece of the list that is, or can be made, exactly one part,
and adds the text to it. An id that no part holds begins a new part, which ends where
an id comes that was read before, in this list as well: a list of receivers may hold an
id twice, and then its text is owed twice. An id in the middle of a part first splits
it there: both halves are owed the same, so 2 holds for both. So does a part of which
only the beginning comes here. What is left is a part that stands in the list as it is,
and for almost every list that is one comparison of all its ids.

Each split costs a walk over the ids, so lists without a common order, which would
split and split, are given up and looked at message by message. That way is plain and
always right; `Waiting.compared` has it taken when this one raises.

Explored by tests/broker/test_runs.py: hundreds of thousands of random lists, most
with an id in them twice, against looking at each message by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

_LONG: Final = 4
"""Ids of a run from which on comparing is worth it."""

_MOST_PARTS: Final = 16
"""Where there are more, the ids come in no common order."""

TOO_MANY: Final = "too many messages wait for Redis, which does not answer"
"""Why a message is refused, in whichever process its handler runs."""

Part = tuple[list[str], list[str]]
"""Client ids that are owed the same, each once, and the texts, oldest first."""


class Run:
    """One text and the client ids that it was sent to, in order.

    Any thread appends, without a lock, and looks at `taken` afterwards: what comes
    after `take` has looked is the appender's own to bring back.

    Attributes:
        text: the very object that was sent.
        append: adds a client id.
        taken: how many ids the collect took that this run was for; None before it.
    """

    __slots__ = ("append", "client_ids", "taken", "text")

    def __init__(self, text: str, client_ids: list[str]) -> None:
        self.text: str = text
        self.client_ids: list[str] = client_ids
        self.append: Callable[[str], None] = client_ids.append
        self.taken: int | None = None

    def take(self) -> list[str]:
        """Return what was appended so far. The caller holds a lock."""
        # First of all: whoever appends from now on looks whether it was in time.
        self.taken = 0
        taken = self.client_ids[:]
        self.taken = len(taken)
        return taken

    def take_late(self) -> list[str]:
        """Return what was appended since, once. Under the same lock as `take`."""
        late = self.client_ids[self.taken :]
        del self.client_ids[self.taken :]
        return late


def parts_of(runs: Sequence[tuple[str, list[str]]]) -> list[Part] | None:
    """Return what each client id is owed, where runs repeat each other's ids.

    Args:
        runs: text and ids, oldest first; an id may stand in one run more than once.

    Returns:
        parts without an id in common; None when comparing is not worth it, because the
        runs are short or their ids come in no common order.
    """
    if sum(len(client_ids) for _, client_ids in runs) < _LONG * len(runs):
        return None
    # By the first id of each.
    parts: dict[str, Part] = {}
    seen: set[str] = set()
    for text, client_ids in runs:
        begin = 0
        while begin < len(client_ids):
            known, texts = _part_at(begin, client_ids, parts, seen)
            if len(parts) > _MOST_PARTS:
                return None
            texts.append(text)
            begin += len(known)
    # Cheap beside the rest, and a wrong receiver is the worst that can happen.
    assert len(seen) == sum(len(known) for known, _ in parts.values())
    return list(parts.values())


def _part_at(
    begin: int, client_ids: list[str], parts: dict[str, Part], seen: set[str]
) -> Part:
    """Return the part that stands in client_ids at begin, made or cut to fit."""
    first = client_ids[begin]
    if first not in parts:
        if first not in seen:
            new = _unseen(client_ids[begin:], seen)
            seen.update(new)
            parts[first] = (new, [])
            return parts[first]
        _split(parts, first)
    known, _ = part = parts[first]
    here = client_ids[begin : begin + len(known)]
    if here != known:
        # Its first id is here, the others up to one that is not, or the list's end.
        equal = 1
        while equal < len(here) and here[equal] == known[equal]:
            equal += 1
        _split(parts, known[equal])
    return part


def _unseen(client_ids: list[str], seen: set[str]) -> list[str]:
    """Return the ids before the first that was seen, or that comes a second time."""
    own = set(client_ids)
    if len(own) == len(client_ids) and seen.isdisjoint(own):
        return client_ids
    new: dict[str, None] = {}
    for client_id in client_ids:
        if client_id in seen or client_id in new:
            break
        new[client_id] = None
    return list(new)


def _split(parts: dict[str, Part], first: str) -> None:
    """Make the part that holds this id two, of which one begins with it."""
    for client_ids, texts in parts.values():
        if first in client_ids:
            place = client_ids.index(first)
            parts[first] = (client_ids[place:], texts[:])
            del client_ids[place:]
            return
