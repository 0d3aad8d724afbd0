"""The addresses by which people are known: which are taken, and when two are one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from channelshim import limits
from channelshim.contracts.identity import User, folded, user_id_of

_FORBIDDEN: Final = frozenset(" ,;:<>()[]\\\"'")
"""What separates addresses or quotes them. Two headers of one name are joined by a
comma, and which of them the proxy has sent nobody knows."""


def is_address(text: str) -> bool:
    """Return whether text can be the address of somebody who has logged in.

    A letter that is no ASCII but becomes it without case, as the Kelvin sign becomes k,
    is refused: its owner would be somebody else. Its length counts in bytes, as in RFC
    6532: a longer one would not fit into a cookie.
    """
    name, at, domain = text.partition("@")
    return (
        bool(name and at and domain)
        and "@" not in domain
        # A lone surrogate is not printable, and has no bytes.
        and text.isprintable()
        and len(text.encode()) <= limits.MAXIMUM_EMAIL_LENGTH
        and not _FORBIDDEN & set(text)
        and not any(map(_becomes_ascii, text))
    )


def _becomes_ascii(letter: str) -> bool:
    if letter.isascii():
        return False
    forms = letter.casefold() + letter.lower() + letter.upper().lower()
    return any(form.isascii() for form in forms)


class Admins:
    """Who is an administrator.

    Args:
        addresses: of them; case is ignored.
    """

    def __init__(self, addresses: Iterable[str]) -> None:
        self._folded = frozenset(folded(each.strip()) for each in addresses)

    def user(self, email: str) -> User:
        """Return who has an address, an administrator or not."""
        return User(email, folded(email) in self._folded, user_id_of(email))
