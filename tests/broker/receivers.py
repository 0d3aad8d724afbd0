"""Lists of client ids as handlers send to them, with ids in them twice."""

from __future__ import annotations

import random


def random_lists(chance: random.Random) -> list[list[str]]:
    """Return what handlers send to that share one list of receivers, or a few."""
    many = chance.choice((5, 6, 9, 30, 200))
    receivers = [f"id{number}" for number in range(many)]
    for _ in range(chance.choice((0, 1, 1, 2, 4))):
        receivers.insert(chance.randrange(many + 1), chance.choice(receivers))
    cuts = [chance.randrange(len(receivers)) for _ in range(4)]
    lists = []
    for _ in range(chance.randint(1, 7)):
        cut, other = sorted(chance.sample(cuts, 2))
        lists.append(
            chance.choice(
                (
                    receivers,
                    receivers,
                    receivers[cut:],
                    receivers[: cut + 1],
                    receivers[cut : other + 1],
                    receivers + receivers[: cut + 1],
                    receivers[:cut] + receivers[cut + 1 :],
                )
            )
        )
    # Where most are short, none is compared.
    while sum(map(len, lists)) < 4 * len(lists):
        lists.append(receivers)
    return lists
