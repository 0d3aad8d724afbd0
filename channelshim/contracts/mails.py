"""The app's mails in the store: those that are to leave, and those that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal, Protocol, Union

MAIL_PATIENCE_SECONDS: Final = 4 * 24 * 3600.0
"""How long a mail is tried again before it is given up.

Source: RFC 5321, 4.5.4.1: "generally needs to be at least 4-5 days".
"""


class MailState(str, Enum):
    """What becomes of a mail."""

    KEPT = "kept"
    """It goes nowhere: no setting says how mail leaves."""
    WAITING = "waiting"
    """It is to be sent; perhaps it has been tried."""
    SENT = "sent"
    """The mail server has taken it for all recipients."""
    FAILED = "failed"
    """It was given up for one recipient or more."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Whose mail it is, and whom it is for, whatever its headers say.

    Attributes:
        sender: an address.
        recipients: addresses.
    """

    sender: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """A mail that somebody has taken to send it.

    Attributes:
        number: of the mail.
        envelope: with the recipients that do not have it yet.
        tries: this one included; another number for each `take`.
        gives_up_at: Unix seconds after which no further try follows.
        refused: who was refused it in earlier tries, and why; "" for nobody.
        data: as it is sent (RFC 5322).
        given_up: those who were refused it: they get it at a try by hand alone.
    """

    number: int
    envelope: Envelope
    tries: int
    gives_up_at: float
    refused: str
    data: bytes
    given_up: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailFacts:
    """What is known of a mail, without its text.

    Attributes:
        number: of the mail.
        added_at: Unix seconds; 0 where an older channelshim did not note it.
        state: what became of it.
        recipients: those that do not have it yet.
        tries: how often it was taken.
        due_at: Unix seconds of its next try, while it waits.
        refused: who was refused it and why; "" for nobody.
        trouble: why its last try came to nothing; "" if it did not.
        size: bytes.
    """

    number: int
    added_at: float
    state: MailState
    recipients: tuple[str, ...]
    tries: int
    due_at: float
    refused: str
    trouble: str
    size: int


@dataclass(frozen=True, slots=True)
class MailCounts:
    """How many mails there are.

    Attributes:
        waiting: to be sent.
        failed: given up, of those that are still known.
        next_due_at: Unix seconds at which the first that waits is to be tried; None
            when none waits.
        oldest_at: Unix seconds at which the oldest that waits was added; None as above.
    """

    waiting: int = 0
    failed: int = 0
    next_due_at: float | None = None
    oldest_at: float | None = None


class Mails(Protocol):
    """The mails of an app. Any thread, any server.

    A mail that waits stays until it is settled, whatever dies meanwhile. Of each other
    state the latest 100 are kept. Every method raises StorageError, and has changed
    nothing, when the store refuses.
    """

    def add(self, data: bytes, now: float, envelope: Envelope | None = None) -> int:
        """Store a mail; return its number, higher than any before.

        Args:
            data: the mail.
            now: Unix seconds.
            envelope: has it wait to be sent; None keeps it.

        Raises:
            StorageError: as above, or too many mails wait already.
        """

    def take(self, now: float, until: float) -> OutgoingMail | None:
        """Return the first mail that is due, for one caller alone; None for none.

        Nobody else gets it before `until`, unless it is settled.
        """

    def settle(
        self,
        mail: OutgoingMail,
        state: MailState,
        *,
        recipients: Sequence[str] = (),
        given_up: Sequence[str] = (),
        due_at: float = 0.0,
        refused: str = "",
        trouble: str = "",
    ) -> None:
        """Note what became of a mail that was taken.

        Nothing happens when somebody else has taken it since.

        Args:
            mail: from `take`.
            state: WAITING for another try.
            recipients: those that do not have it, and get it at the next try.
            given_up: those that do not have it, and get it at a try by hand.
            due_at: Unix seconds of that try.
            refused: see MailFacts.
            trouble: see MailFacts.
        """

    def release(self) -> None:
        """Give back what this server had taken when it ended."""

    def retry(self, number: int, now: float) -> bool:
        """Have a mail that waits or was given up tried now; False where none is.

        For all who do not have it.
        """

    def delete(self, number: int) -> bool:
        """Remove a mail, sent or not; return whether it was there."""

    def facts(self) -> Sequence[MailFacts]:
        """Return what is known of each, the latest first."""

    def read(self, number: int, most: int = -1) -> bytes | None:
        """Return a mail, or its first bytes at most; None where there is none."""

    def counts(self) -> MailCounts:
        """Return how many there are."""


@dataclass(frozen=True, slots=True)
class SmtpRoute:
    """The SMTP server that takes the app's mail.

    Attributes:
        host: its name or address.
        port: its port.
        user: to log in by; "" for no login.
        password: of that user.
        tls: "auto": encrypted where the server offers it; "starttls": always, from
            STARTTLS on; "tls": from the first byte on; "no": never.
    """

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls: Literal["auto", "starttls", "tls", "no"] = "auto"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class SendmailRoute:
    """This machine's own mail system.

    Attributes:
        program: path of its `sendmail`.
    """

    program: str

    def __str__(self) -> str:
        return self.program


MailRoute = Union[SmtpRoute, SendmailRoute]  # noqa: UP007
"""How mail leaves."""
