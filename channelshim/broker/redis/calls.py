"""A call of a function in Redis, and what its answer may be."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from channelshim.errors import BrokerError

_OURS: Final = ("ERR", "WRONGTYPE", "NOPROTO")
"""Errors for which it makes no difference to come again: a fault of channelshim."""

_PASSING: Final = re.compile(
    r"-(?:OOM|READONLY|MISCONF|LOADING|BUSY|MASTERDOWN|NOREPLICAS|CLUSTERDOWN)\b"
)
"""Errors of the server's state, which Redis before 7 wraps in one of a script."""


@dataclass(slots=True, eq=False)
class Call:
    """A call of a function, until it is answered.

    Attributes:
        script: its name.
        arguments: behind those of every function.
        answered: takes the reply.
        failed: called instead where that makes sense: the queue keeps what has none.
    """

    script: str
    arguments: list[bytes]
    answered: Callable[[Any], None]
    failed: Callable[[BrokerError], None] | None = None


def is_fault_of_ours(reply: Exception) -> bool:
    """Return whether an error will be the same again, whatever the server's state."""
    text = str(reply)
    return text.startswith(_OURS) and not _PASSING.search(text)


def sequence_of(reply: Any) -> Sequence[Any]:
    """Return a list of a reply; nothing for the answer to a call that failed."""
    return reply if isinstance(reply, list) else ()
