"""Opening the store as a person's settings say."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from channelshim.contracts.entities import ValuesOf
from channelshim.errors import ConfigurationError
from channelshim.store.sqlite.database import Synchronous
from channelshim.store.sqlite.entities import describe
from channelshim.store.sqlite.state import SqliteStore

_logger: Final = logging.getLogger("channelshim.store")

_WORDS: dict[str, Synchronous] = {"normal": "NORMAL", "full": "FULL"}


def read_synchronous(text: str) -> Synchronous:
    """Return SQLite's word for "normal" or "full", in any case.

    Raises:
        ConfigurationError: it is another word.
    """
    mode = _WORDS.get(text.lower())
    if mode is None:
        raise ConfigurationError(
            f"store_synchronous must be normal or full, not {text!r}"
        )
    return mode


def open_store(
    directory: Path,
    values_of: ValuesOf | None = None,
    *,
    synchronous: str = "normal",
    is_cleared: bool = False,
) -> SqliteStore:
    """Return the leased store of a folder.

    Args:
        directory: made if it is missing.
        values_of: reads a stored body; None for who touches no entities.
        synchronous: "normal" or "full", in any case.
        is_cleared: delete all entities, having said in the log which; accounts,
            secrets and the presence journal stay.

    Raises:
        ConfigurationError: synchronous is another word.
        StorageError: it cannot be opened, or another server holds it.
    """
    store = SqliteStore(directory, values_of, synchronous=read_synchronous(synchronous))
    if is_cleared:
        summary = describe(store.entities.summary())
        _logger.warning("clearing %s of %s", summary, store.database.path)
        store.entities.clear()
    return store
