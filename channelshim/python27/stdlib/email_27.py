"""email: messages of strings of either kind."""

from __future__ import annotations

import email
from typing import Any

from channelshim.python27.strings import to_text

__all__ = ["message_from_string", "message_from_file"]


def message_from_string(s: Any, *args: Any, **named: Any) -> Any:
    """Return the message that a string writes."""
    return email.message_from_string(to_text(s), *args, **named)


def message_from_file(fp: Any, *args: Any, **named: Any) -> Any:
    """Return the message of a file."""
    return email.message_from_string(to_text(fp.read()), *args, **named)
