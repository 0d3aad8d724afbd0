"""What comes of a try to send a mail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from channelshim.contracts.mails import OutgoingMail


@dataclass(slots=True)
class Outcome:
    """Who does not have a mail after a try; all others have it.

    Attributes:
        refused: who never will, each with what the mail server said.
        deferred: who may get it later, with the same.
    """

    refused: dict[str, str] = field(default_factory=dict)
    deferred: dict[str, str] = field(default_factory=dict)

    def note(self, recipients: Iterable[str], code: int, reply: str) -> None:
        """Note that the mail server has answered 4xx or 5xx for recipients."""
        kind = self.refused if code >= 500 else self.deferred
        kind.update(dict.fromkeys(recipients, f"{code} {reply}".strip()))


class RouteDown(Exception):
    """No mail can leave now, whichever it is; its text says why."""


class Delivery(Protocol):
    """Hands mails to a mail system. One thread."""

    def deliver(self, mail: OutgoingMail) -> Outcome:
        """Try to send a mail.

        Raises:
            RouteDown: the mail system is away, or refuses us; nobody has got it.
        """


def shown(reasons: dict[str, str]) -> str:
    """Return who did not get a mail, and why, as one text."""
    return "; ".join(f"{recipient}: {why}" for recipient, why in reasons.items())
