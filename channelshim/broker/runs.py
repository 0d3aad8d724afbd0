"""Runs: the same text sent to one client id after the other, as apps do.

A handler that sends one text to a thousand ids leaves one list of a thousand ids
behind, and the next handler one more, mostly equal to the first. So publishing touches
nothing but the list's end, and what each id is owed is found by comparing whole lists,
which the interpreter does in C.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

_LONG = 4
"""Ids of a run from which on comparing is worth it."""

_MOST_PARTS = 16
"""Where there are more, the ids come in no common order."""

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

    Ids that stand together in one run and apart in another are told apart; the order
    of the ids must be the same. None when it is not: then each message must be looked
    at by itself.

    Args:
        runs: text and ids, oldest first.
    """
    if sum(len(client_ids) for _, client_ids in runs) < _LONG * len(runs):
        return None
    parts: dict[str, Part] = {}
    seen: set[str] = set()
    for text, client_ids in runs:
        begin = 0
        while begin < len(client_ids):
            first = client_ids[begin]
            if first not in parts:
                if len(parts) == _MOST_PARTS:
                    return None
                if first in seen:
                    _split(parts, first)
                else:
                    new = _unseen(client_ids, begin, seen)
                    seen.update(new)
                    parts[first] = (new, [])
            known, texts = parts[first]
            here = client_ids[begin : begin + len(known)]
            if here != known:
                if here != known[: len(here)]:
                    return None
                _split(parts, known[len(here)])
            texts.append(text)
            begin += len(here)
    if len(seen) < sum(len(client_ids) for client_ids, _ in parts.values()):
        return None
    return list(parts.values())


def _unseen(client_ids: list[str], begin: int, seen: set[str]) -> list[str]:
    """Return the ids from begin on, before one that was seen, or begin's own again."""
    try:
        end = client_ids.index(client_ids[begin], begin + 1)
    except ValueError:
        end = len(client_ids)
    new = client_ids[begin:end]
    if not seen.isdisjoint(new):
        del new[next(place for place, name in enumerate(new) if name in seen) :]
    return new


def _split(parts: dict[str, Part], first: str) -> None:
    """Make the part that holds this id two, of which one begins with it."""
    for client_ids, texts in parts.values():
        if first in client_ids:
            place = client_ids.index(first)
            parts[first] = (client_ids[place:], texts[:])
            del client_ids[place:]
            return
