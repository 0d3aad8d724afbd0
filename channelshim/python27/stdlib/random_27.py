"""random: floats as bounds, and seeds of any kind."""

from __future__ import annotations

import random as real
from collections.abc import Callable, Sequence
from typing import Any

from channelshim.python27.strings import STRINGS

__all__ = [
    *("Random", "SystemRandom", "WichmannHill", "seed", "random", "uniform"),
    *("randint", "choice", "randrange", "sample", "shuffle", "jumpahead"),
    *("normalvariate", "lognormvariate", "expovariate", "vonmisesvariate"),
    *("gammavariate", "triangular", "gauss", "betavariate", "paretovariate"),
    *("weibullvariate", "getstate", "setstate", "getrandbits"),
]


def _bound(value: Any) -> Any:
    if isinstance(value, float):
        if value != int(value):
            raise ValueError("non-integer arg 1 for randrange()")
        return int(value)
    return value


class Random(real.Random):
    """A source of numbers."""

    def seed(self, a: Any = None, version: int = 2) -> None:
        """Begin anew, from a number or from any value."""
        if a is not None and not isinstance(a, (int, float, bytearray, *STRINGS)):
            a = hash(a)
        super().seed(a, version)

    def randrange(self, start: Any, stop: Any = None, step: Any = 1) -> int:
        """Return a number out of a range."""
        if stop is None:
            return super().randrange(_bound(start))
        return super().randrange(_bound(start), _bound(stop), _bound(step))

    def randint(self, a: Any, b: Any) -> int:
        """Return a number between two, both included."""
        return self.randrange(a, _bound(b) + 1)

    def shuffle(self, x: Any, random: Any = None) -> None:
        """Mix a list."""
        if random is None:
            super().shuffle(x)
            return
        for place in reversed(range(1, len(x))):
            other = int(random() * (place + 1))
            x[place], x[other] = x[other], x[place]

    def sample(self, population: Any, k: Any, **named: Any) -> list[Any]:
        """Return so many of a population."""
        if not isinstance(population, Sequence):
            population = list(population)
        return super().sample(population, int(k), **named)

    def jumpahead(self, n: Any) -> None:
        """Go on elsewhere, as if that many numbers had been drawn."""
        if not isinstance(n, (int, float, *STRINGS)):
            raise TypeError("jumpahead requires an integer")
        self.seed(f"{self.getrandbits(64)}.{n}")  # type: ignore[str-bytes-safe]

    def __reduce__(self) -> Any:
        return type(self), (), self.getstate()


class WichmannHill(Random):
    """The generator of older versions; its numbers are others here."""

    def whseed(self, a: Any = None) -> None:
        """Begin anew."""
        self.seed(a)


class SystemRandom(real.SystemRandom, Random):
    """Numbers of the operating system."""

    def randint(self, a: Any, b: Any) -> int:
        """Return a number between two, both included."""
        return Random.randint(self, a, b)

    def randrange(self, start: Any, stop: Any = None, step: Any = 1) -> int:
        """Return a number out of a range."""
        return Random.randrange(self, start, stop, step)

    def jumpahead(self, n: Any) -> None:
        """Do nothing: there is no place to go to."""

    def seed(self, *args: Any, **named: Any) -> None:
        """Do nothing."""


_shared = Random()
seed: Callable[..., None] = _shared.seed
uniform: Callable[..., float] = _shared.uniform
randint: Callable[..., int] = _shared.randint
choice: Callable[..., Any] = _shared.choice
randrange: Callable[..., int] = _shared.randrange
sample: Callable[..., list[Any]] = _shared.sample
shuffle: Callable[..., None] = _shared.shuffle
jumpahead: Callable[..., None] = _shared.jumpahead
normalvariate: Callable[..., float] = _shared.normalvariate
lognormvariate: Callable[..., float] = _shared.lognormvariate
expovariate: Callable[..., float] = _shared.expovariate
vonmisesvariate: Callable[..., float] = _shared.vonmisesvariate
gammavariate: Callable[..., float] = _shared.gammavariate
triangular: Callable[..., float] = _shared.triangular
gauss: Callable[..., float] = _shared.gauss
betavariate: Callable[..., float] = _shared.betavariate
paretovariate: Callable[..., float] = _shared.paretovariate
weibullvariate: Callable[..., float] = _shared.weibullvariate
getstate: Callable[..., Any] = _shared.getstate
setstate: Callable[..., None] = _shared.setstate
getrandbits: Callable[..., int] = _shared.getrandbits
random: Callable[..., float] = _shared.random
