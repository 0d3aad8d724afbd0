"""The store: what must outlive the process."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from channelshim.contracts.entities import Entities
from channelshim.contracts.identity import User
from channelshim.contracts.status import Status
from channelshim.contracts.tasks import PullTasks, Tasks

if TYPE_CHECKING:
    from channelshim.contracts.cache import Cache
    from channelshim.contracts.cron import CronClaims
    from channelshim.contracts.data import StoreData
    from channelshim.contracts.files import Blobs
    from channelshim.contracts.mails import Mails
    from channelshim.contracts.search import SearchIndexes

BLOBS_FOLDER: Final = "blobs"
"""Below the store's folder: the files of blobs, whose facts are entities."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who has logged in.

    Attributes:
        user: as at the last login.
        seen_at: Unix seconds of the last login.
    """

    user: User
    seen_at: float


@dataclass(frozen=True, slots=True)
class Password:
    """What somebody who logs in by a password has in the store.

    Attributes:
        email: as it was given; found again in any case, by its folded form.
        hash: of the password, by argon2, with its parameters and salt.
        changed_at: Unix seconds at which the password was set.
    """

    email: str
    hash: str
    changed_at: float


class Passwords(Protocol):
    """Who may log in by a password, and how often it was tried. Any thread."""

    def put(self, password: Password) -> None:
        """Insert the password, or replace the one of this email."""

    def get(self, email: str) -> Password | None:
        """Return the password of an email, or None; case is ignored."""

    def rehash(self, email: str, old: str, new: str) -> bool:
        """Replace a hash by another one of the same password.

        Returns:
            False where it is not the old one any more: somebody has changed the
            password meanwhile, or removed it.
        """

    def remove(self, email: str) -> bool:
        """Remove the password of an email; return whether there was one."""

    def all(self) -> Sequence[Password]:
        """Return all passwords, by email."""

    def attempt(
        self, key: str, now: float, *, every_seconds: float, at_once: int
    ) -> float:
        """Count an attempt to log in; return the seconds to wait, 0 for none.

        Of all servers and processes together. An attempt that has to wait counts for
        nothing. Bounded: of more than 100,000 keys those that are nearest to a full
        allowance give way.

        Args:
            key: whose attempts are counted together.
            now: Unix seconds.
            every_seconds: the time after which a further attempt is allowed.
            at_once: attempts that are allowed after a long rest.
        """

    def forgive(self, key: str) -> None:
        """Forget the attempts of a key."""


class Secrets(Protocol):
    """What signs, by purpose. Any thread."""

    def get(self, purpose: str) -> Sequence[bytes]:
        """Return the signing secrets of purpose, oldest first; make one when none is.

        32 random bytes each. The last signs, all verify.
        """

    def rotate(self, purpose: str, *, keep: int = 2) -> None:
        """Add a new newest secret for purpose and keep `keep` of them, at least 1."""


class Accounts(Protocol):
    """Who has logged in, and which logins have ended early. Any thread.

    Both are bounded, at 10,000 or more: what is oldest gives way. Whoever reaches the
    login page adds to them.
    """

    def remember(self, account: Account) -> None:
        """Insert or replace the account with this user's email."""

    def all(self) -> Sequence[Account]:
        """Return all accounts, last seen first."""

    def end_login(self, number: str, expires_at: float, now: float) -> None:
        """Note that a login has ended; forget those that would have by themselves.

        Args:
            number: of the login.
            expires_at: Unix seconds at which it would have ended.
            now: Unix seconds.
        """

    def ended_logins(self) -> Collection[str]:
        """Return the numbers of the logins that have ended early."""


class Journal(Protocol):
    """Which client ids are connected, to be known after a crash. Any thread.

    Client ids are any text that a token can carry, NUL included.
    """

    def note(self, connected: Iterable[str], disconnected: Iterable[str]) -> None:
        """Write a group of changes in one commit.

        An id in both counts as connected: reported once too often is corrected by the
        next start, never reported is not.
        """

    def connected_client_ids(self) -> Sequence[str]:
        """Return who is connected: after a crash, who was."""


@dataclass(frozen=True, slots=True)
class RollCall:
    """What a server finds when it says that it lives.

    Attributes:
        was_struck_off: whether the others had taken it for dead, and its client ids.
        client_ids: that were connected to servers that have died; now they are to this
            one.
    """

    was_struck_off: bool = False
    client_ids: Sequence[str] = ()


class Store(Protocol):
    """Everything that must outlive the process.

    Raises StorageError, and leaves everything as it was, when the back end refuses. No
    other error of a back end, and no connection to it, reaches the caller.
    """

    @property
    def entities(self) -> Entities:
        """The datastore's entities."""

    @property
    def tasks(self) -> Tasks:
        """The tasks of push queues; those of pull queues are added here too."""

    @property
    def pull_tasks(self) -> PullTasks:
        """The tasks of pull queues."""

    @property
    def cache(self) -> Cache:
        """memcache's values."""

    @property
    def search(self) -> SearchIndexes:
        """The documents of the search service."""

    @property
    def accounts(self) -> Accounts:
        """Who has logged in."""

    @property
    def passwords(self) -> Passwords:
        """Who may log in by a password."""

    @property
    def secrets(self) -> Secrets:
        """What signs tokens and cookies."""

    @property
    def journal(self) -> Journal:
        """Who is connected to this server."""

    @property
    def data(self) -> StoreData:
        """All of it together, to be moved."""

    @property
    def cron(self) -> CronClaims | None:
        """Which server runs a cron job; None where there can be but one."""

    @property
    def blobs(self) -> Blobs | None:
        """The bytes of blobs; None where they are files in BLOBS_FOLDER."""

    @property
    def mails(self) -> Mails:
        """The mails of the app that are to leave; and those that are kept, where they
        are not files."""

    def save_windows(self, saved: bytes | None) -> None:
        """Keep the broker's windows over an orderly restart; None forgets them."""

    def load_windows(self) -> bytes | None:
        """Return what save_windows kept, or None."""

    def note_import(self, note: bytes | None) -> None:
        """Keep how far an import has come; None forgets it, when it is whole."""

    def unfinished_import(self) -> bytes | None:
        """Return what note_import kept, or None."""

    @property
    def is_leased(self) -> bool:
        """Whether this server does what one alone does: tasks, cron jobs, commands."""

    def lease(self) -> bool:
        """Become that server if there is none; return whether this one is it now."""

    def claim(self) -> None:
        """Make this process the one that serves, of those that a fork made.

        Raises:
            StoreInUse: another one does.
        """

    def stay(self, *, takes_connections: bool) -> RollCall:
        """Say that this server lives, to the others that have the store open.

        To be called every few seconds where the store is shared, from any thread.

        Args:
            takes_connections: whether this server wants the client ids of the dead.
        """

    def copy_to(self, path: Path) -> None:
        """Write a copy of all that is in it to a file, as one transaction sees it.

        Others read and write meanwhile. The files of blobs and mails are not in it.

        Raises:
            StorageError: it cannot be written, or such a store has other means.
        """

    def report_to(self, status: Status) -> None:
        """Register a check, "store", of whether it can be used, and what it takes."""

    def close(self) -> None:
        """Give everything back. Idempotent; what is asked later raises StorageError."""
