"""What every engine's mails have in common: their rows and their bounds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from channelshim.contracts.mails import (
    Envelope,
    MailFacts,
    MailState,
    OutgoingMail,
)
from channelshim.errors import StorageError

MAILS_KEPT: Final = 100
"""Mails of each state that needs nothing more; the oldest give way."""

MAILS_WAITING: Final = 10_000
MAIL_BYTES_WAITING: Final = 1 << 30
"""Mails that wait to be sent, and their bytes: a mail server that is away for days must
not fill the disk."""

LONGEST_REASON: Final = 2000
"""Characters that are kept of what a mail server says."""

OUTGOING_COLUMNS: Final = (
    "number, sender, recipients, tries, gives_up_at, refused, data, given_up"
)
FACTS_COLUMNS: Final = (
    "number, added_at, state, recipients, tries, due_at, refused, trouble, size"
)


def packed(recipients: Sequence[str]) -> str:
    """Return addresses as one text."""
    return json.dumps(list(recipients))


def unpacked(text: str) -> tuple[str, ...]:
    """Return the addresses of such a text."""
    return tuple(map(str, json.loads(text)))


def together(row: Sequence[object]) -> tuple[str, ...]:
    """Return all addresses of a row of such texts, each once."""
    return tuple(dict.fromkeys(each for text in row for each in unpacked(_text(text))))


def outgoing(row: Sequence[object]) -> OutgoingMail:
    """Return the mail of a row of OUTGOING_COLUMNS."""
    number, sender, recipients, tries, gives_up_at, refused, data, given_up = row
    return OutgoingMail(
        int(str(number)),
        Envelope(_text(sender), unpacked(_text(recipients))),
        int(str(tries)),
        float(str(gives_up_at)),
        _text(refused),
        _bytes(data),
        unpacked(_text(given_up)),
    )


def facts(row: Sequence[object]) -> MailFacts:
    """Return what a row of FACTS_COLUMNS says."""
    number, added_at, state, recipients, tries, due_at, refused, trouble, size = row
    return MailFacts(
        int(str(number)),
        float(str(added_at)),
        MailState(_text(state)),
        unpacked(_text(recipients)),
        int(str(tries)),
        float(str(due_at)),
        _text(refused),
        _text(trouble),
        int(str(size)),
    )


def check_room(waiting: int, waiting_bytes: int, size: int) -> None:
    """Refuse a further mail where too many wait.

    Raises:
        StorageError: they do.
    """
    if waiting >= MAILS_WAITING or waiting_bytes + size > MAIL_BYTES_WAITING:
        raise StorageError(
            f"{waiting:,} mails wait to be sent, which is as many as are kept: the log "
            "says why they do not leave"
        )


def _text(value: object) -> str:
    """Return a column's text; PostgreSQL has its bytes."""
    return value if isinstance(value, str) else _bytes(value).decode("utf-8", "replace")


def _bytes(value: object) -> bytes:
    assert isinstance(value, (bytes, bytearray, memoryview))
    return bytes(value)
