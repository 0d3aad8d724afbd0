"""What one process leaves to the next: windows as bytes, and who was connected."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from typing import Final

from channelshim.contracts.broker import Replay, Windows
from channelshim.contracts.store import Journal
from channelshim.errors import BrokerError, StorageError

_logger: Final = logging.getLogger("channelshim.broker")

SavedWindow = tuple[tuple[str, ...], list[tuple[str, int]]]
"""Texts, oldest first, and who is owed them: client id, and the number before them."""


def write(at: float, owed: Iterable[tuple[str, Replay]]) -> bytes:
    """Return windows as bytes.

    Each text is saved once, as it is kept once, however many ids are owed it.

    Args:
        at: Unix seconds.
        owed: each client id with all that is kept for it.
    """
    texts: dict[str, int] = {}
    windows: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for client_id, replay in owed:
        windows.setdefault(replay.texts, []).append((client_id, replay.number))
    saved = {
        "at": at,
        "windows": [
            [[texts.setdefault(text, len(texts)) for text in window], ids]
            for window, ids in windows.items()
        ],
    }
    saved["texts"] = list(texts)
    return json.dumps(saved).encode("ascii")


def read(saved: bytes) -> tuple[float, list[SavedWindow]]:
    """Return when windows were saved, in Unix seconds, and what they held.

    Raises:
        BrokerError: the bytes are damaged.
    """
    try:
        snapshot = json.loads(saved)
        at = float(snapshot["at"])
        texts = [str(text) for text in snapshot["texts"]]
        return at, [
            (
                tuple(texts[index] for index in window),
                [(str(client_id), _number(number)) for client_id, number in ids],
            )
            for window, ids in snapshot["windows"]
        ]
    except Exception as error:
        # Whatever a damaged file holds: infinite numbers, or nested too deep.
        raise BrokerError(f"the saved windows cannot be read: {error}") from error


def hand_down(windows: Windows, at: float, owed: Iterable[tuple[str, Replay]]) -> None:
    """Keep windows for the next process; see `write`."""
    try:
        windows.save_windows(write(at, owed))
    except StorageError as error:
        _logger.error("the messages of the last seconds are lost: %s", error)


def take_over(
    windows: Windows | None, now: float, seconds: float
) -> Sequence[SavedWindow]:
    """Return what the last process kept, once; what cannot be read is gone.

    Args:
        windows: from where.
        now: Unix seconds.
        seconds: how old they may be.
    """
    if windows is None:
        return ()
    try:
        saved = windows.load_windows()
        if saved is None:
            return ()
        # Forgotten first: no window may stop a second start.
        windows.save_windows(None)
        at, found = read(saved)
    except (BrokerError, StorageError) as error:
        _logger.warning("%s; pages that come back have missed messages", error)
        return ()
    return () if now - at > seconds else found


def connected_ids(journal: Journal | None) -> Sequence[str]:
    """Return who was connected when the last process ended."""
    if journal is None:
        return ()
    try:
        return journal.connected_client_ids()
    except StorageError as error:
        _logger.warning("%s; the app is not told which pages have gone", error)
        return ()


def _number(saved: object) -> int:
    if not isinstance(saved, int) or not 0 <= saved < 1 << 62:
        raise ValueError(f"{saved!r} is no number of a message")
    return saved
