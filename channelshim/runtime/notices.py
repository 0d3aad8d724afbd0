"""Warnings about an app's files, which a reload does not repeat.

A person who saves a file every minute reads the same warnings every minute, and then
none at all. So each image of a process is told which warnings the one before it had,
and writes only the others; one that was gone in between is written again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from typing import Final

_MOST: Final = 1000
_DIGEST_BYTES: Final = 6
"""They travel in an environment variable; who has read two of a kind by mistake has
missed one warning."""


class Notices:
    """What one image of the process warns of."""

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()
        self._seen: set[str] = set()
        self._left: set[str] = set()

    def begin(self, known: Iterable[str]) -> None:
        """Begin an image that follows another one.

        Args:
            known: digests of what that has warned of.
        """
        self._known = frozenset(known)
        self._seen.clear()

    def warn(
        self, logger: logging.Logger, sentence: str, level: int = logging.WARNING
    ) -> None:
        """Log a sentence, unless it is known; then it is for the level DEBUG.

        Args:
            logger: takes it.
            sentence: what a person should know once.
            level: of a new one.
        """
        digest = _digest(sentence)
        if len(self._seen) < _MOST:
            self._seen.add(digest)
        is_known = digest in self._known
        logger.log(logging.DEBUG if is_known else level, "%s", sentence)

    def leave(self, sentence: str) -> str:
        """Leave a sentence to other processes, which alone can tell whether it is so.

        Returns:
            its digest, for those that need not say it too.
        """
        digest = _digest(sentence)
        self._left.add(digest)
        return digest

    def hear(self, text: str) -> None:
        """Note what another process has logged, if it is a sentence that was left."""
        digest = _digest(text)
        if digest in self._left:
            self._seen.add(digest)

    def digests(self, *, is_whole: bool = True) -> tuple[str, ...]:
        """Return what the next image is told.

        Args:
            is_whole: False where this image could not read all that is warned of: what
                the one before it knew is handed on too.
        """
        return tuple(self._seen if is_whole else self._seen | self._known)


def _digest(sentence: str) -> str:
    text = sentence.encode("utf-8", "backslashreplace")
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES).hexdigest()


NOTICES: Final = Notices()
"""Those of this process: it has one log, and one person who reads it."""
