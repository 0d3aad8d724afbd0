"""Where the app's mails are: in files, or in the store."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from channelshim.contracts.mails import MailFacts, Mails, MailState

_NUMBER: Final = re.compile(r"\d{1,12}", re.ASCII)


class Box(Protocol):
    """Where mails are."""

    def facts(self) -> Sequence[MailFacts]:
        """Return what is known of each, the latest first."""

    def find(self, number: int) -> MailFacts | None:
        """Return what is known of one, or None."""

    def read(self, number: int, most: int = -1) -> bytes | None:
        """Return a mail, or its first bytes at most; None where there is none."""

    def delete(self, number: int) -> bool:
        """Delete a mail; return whether it was there."""


class FolderBox:
    """Mails that are kept as files; see Box.

    Args:
        folder: of the mail service.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def facts(self) -> Sequence[MailFacts]:
        """Return what is known of each, the latest first."""
        names = [path.stem for path in self._folder.glob("*.eml")]
        numbers = sorted(int(name) for name in names if _NUMBER.fullmatch(name))
        # One may be deleted meanwhile, as a newer one comes.
        return [each for each in map(self.find, reversed(numbers)) if each is not None]

    def find(self, number: int) -> MailFacts | None:
        """Return what is known of one, or None."""
        try:
            found = self._path(number).stat()
        except OSError:
            return None
        at, size = found.st_mtime, found.st_size
        return MailFacts(number, at, MailState.KEPT, (), 0, 0.0, "", "", size)

    def read(self, number: int, most: int = -1) -> bytes | None:
        """Return a mail, or its first bytes at most; None where there is none."""
        try:
            with self._path(number).open("rb") as file:
                return file.read(most)
        except OSError:
            return None

    def delete(self, number: int) -> bool:
        """Delete a mail; return whether it was there."""
        try:
            self._path(number).unlink()
        except OSError:
            return False
        return True

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.eml"


class StoreBox:
    """Mails in the store; see Box.

    Args:
        mails: the store's.
    """

    def __init__(self, mails: Mails) -> None:
        self._mails = mails

    def facts(self) -> Sequence[MailFacts]:
        """Return what is known of each, the latest first."""
        return self._mails.facts()

    def find(self, number: int) -> MailFacts | None:
        """Return what is known of one, or None."""
        return next((each for each in self.facts() if each.number == number), None)

    def read(self, number: int, most: int = -1) -> bytes | None:
        """Return a mail, or its first bytes at most; None where there is none."""
        return self._mails.read(number, most)

    def delete(self, number: int) -> bool:
        """Delete a mail; return whether it was there."""
        return self._mails.delete(number)
