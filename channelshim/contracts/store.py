"""The store: what must outlive the process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Account:
    """A person seen at the login page.

    Attributes:
        email: as typed, case kept.
        user_id: 21 digits, from the lower-cased email (contract 7.6).
        is_admin: whether the administrator box was ticked at the last login.
        seen_at: Unix seconds of the last login.
    """

    email: str
    user_id: str
    is_admin: bool
    seen_at: float


class Store(Protocol):
    """What must outlive the process, apart from entities. Any thread.

    Raises StorageError, and leaves everything as it was, when the disk refuses.
    """

    def secrets(self, purpose: str) -> Sequence[bytes]:
        """Return the signing secrets of purpose, oldest first; make one when none is.

        32 random bytes each. The last signs, all verify.
        """

    def rotate_secret(self, purpose: str, *, keep: int = 2) -> None:
        """Add a new newest secret for purpose and keep `keep` of them."""

    def remember_account(self, account: Account) -> None:
        """Insert or replace the account with this email."""

    def accounts(self) -> Sequence[Account]:
        """Return all accounts, last seen first."""

    def note_presence(
        self, connected: Iterable[str], disconnected: Iterable[str]
    ) -> None:
        """Write a group of changes to the presence journal in one commit."""

    def connected_client_ids(self) -> Sequence[str]:
        """Return who the journal says is connected: after a crash, who was."""

    def save_windows(self, saved: bytes | None) -> None:
        """Keep the broker's windows over an orderly restart; None forgets them."""

    def load_windows(self) -> bytes | None:
        """Return what save_windows kept, or None."""

    def close(self) -> None:
        """Give the lease back. Idempotent."""
