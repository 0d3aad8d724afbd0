"""What was published, as batches for Redis.

A batch has at most 255 texts, since a ref has one byte for a place, at most some
thousand ids, since nobody else is served while it is numbered, and each id once, since
the function reads all records before it writes any. A group whose texts are too many
goes on in later batches, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from channelshim.broker.redis.packing import IdPacker, bytes_of, pack_texts
from channelshim.broker.runs import parts_of

MOST_TEXTS: Final = 255
"""Texts of a batch."""

MOST_IDS: Final = 5000
"""Client ids of a batch: some 10 ms of Redis, so that no process starves another."""

SLICE_IDS: Final = 250
"""A text to very many goes in slices, so that the first pages are written while Redis
numbers the rest."""

MOST_BYTES: Final = 4 << 20
"""Texts of a batch, unless a single one is longer."""

Group = tuple[tuple[str, ...], list[str]]
"""Texts, oldest first, and the client ids that are owed just these; each once."""


def groups_of(runs: Sequence[tuple[str, list[str]]]) -> list[Group]:
    """Return what each client id is owed.

    Args:
        runs: text and ids, oldest first; an id may stand in one run more than once.
    """
    parts = parts_of(runs)
    if parts is not None:
        return [(tuple(texts), client_ids) for client_ids, texts in parts]
    waiting: dict[str, list[str]] = {}
    for text, client_ids in runs:
        for client_id in client_ids:
            waiting.setdefault(client_id, []).append(text)
    groups: dict[tuple[str, ...], list[str]] = {}
    for client_id, texts in waiting.items():
        groups.setdefault(tuple(texts), []).append(client_id)
    return list(groups.items())


def batches_of(groups: Iterable[Group]) -> list[list[Group]]:
    """Return groups as batches within the bounds, in the order to send them."""
    batches: list[list[Group]] = []
    left = [(pieces_of(texts), client_ids) for texts, client_ids in groups]
    place = 0
    while left:
        # The next piece of each group: an id stands in one of them alone.
        round_of = [(pieces[place], client_ids) for pieces, client_ids in left]
        batches += _packed(round_of)
        place += 1
        left = [each for each in left if len(each[0]) > place]
    return batches


def pieces_of(texts: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return texts in pieces that fit into a batch."""
    pieces: list[tuple[str, ...]] = []
    begin = size = 0
    for place, text in enumerate(texts):
        size += len(text)
        if place > begin and (place - begin == MOST_TEXTS or size > MOST_BYTES):
            pieces.append(texts[begin:place])
            begin, size = place, len(text)
    pieces.append(texts[begin:])
    return pieces


def _packed(groups: Iterable[Group]) -> list[list[Group]]:
    """Return groups, each small enough, as few batches."""
    batches: list[list[Group]] = []
    texts_left = ids_left = bytes_left = 0
    for texts, client_ids in groups:
        size = sum(map(len, texts))
        slices = sliced(client_ids, SLICE_IDS if len(client_ids) > 2 * SLICE_IDS else 0)
        for part in slices:
            if (
                not batches
                or len(texts) > texts_left
                or len(part) > ids_left
                or size > bytes_left
                or len(slices) > 1
            ):
                batches.append([])
                texts_left, ids_left, bytes_left = MOST_TEXTS, MOST_IDS, MOST_BYTES
            batches[-1].append((texts, part))
            texts_left -= len(texts)
            ids_left -= len(part)
            bytes_left -= size
    return batches


def sliced(client_ids: list[str], size: int) -> list[list[str]]:
    """Return a list in slices of that many; 0 for one slice."""
    if not size:
        return [client_ids]
    return [client_ids[at : at + size] for at in range(0, len(client_ids), size)]


def arguments_of(batch: Sequence[Group], packer: IdPacker) -> list[bytes]:
    """Return a batch as the arguments of publish.lua, from its texts on."""
    texts: list[bytes] = []
    groups: list[bytes] = []
    for own, client_ids in batch:
        groups += b"%d" % len(texts), b"%d" % len(own), packer.pack(client_ids)
        texts += map(bytes_of, own)
    return [pack_texts(texts), *groups]
