"""Opening the store as a person's settings say."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from channelshim.errors import ConfigurationError
from channelshim.store.database import Synchronous
from channelshim.store.entities import SqliteEntities, describe
from channelshim.store.sqlite import SqliteStore

_logger: Final = logging.getLogger("channelshim.store")

_WORDS: dict[str, Synchronous] = {"normal": "NORMAL", "full": "FULL"}


def open_store(
    directory: Path, *, synchronous: str = "normal", is_cleared: bool = False
) -> SqliteStore:
    """Return the leased store of a folder.

    Args:
        directory: made if it is missing.
        synchronous: "normal" or "full", in any case.
        is_cleared: delete all entities, having said in the log which; accounts,
            secrets and the presence journal stay.

    Raises:
        ConfigurationError: synchronous is another word.
        StorageError: it cannot be opened, or another server holds it.
    """
    mode = _WORDS.get(synchronous.lower())
    if mode is None:
        raise ConfigurationError(
            f"store_synchronous must be normal or full, not {synchronous!r}"
        )
    store = SqliteStore(directory, synchronous=mode)
    if is_cleared:
        # Nothing is put through these: they need no way to find a body's values.
        entities = SqliteEntities(store.database, lambda _body: {})
        _logger.warning(
            "clearing %s of %s", describe(entities.summary()), store.database.path
        )
        entities.clear()
    return store
