"""Opening the store as a person's settings say."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Final

from channelshim.contracts.entities import ValuesOf
from channelshim.contracts.store import BLOBS_FOLDER
from channelshim.errors import ConfigurationError
from channelshim.store.descriptions import describe
from channelshim.store.sqlite.database import Synchronous
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
    may_share: bool = False,
    takes_lease: bool = True,
) -> SqliteStore:
    """Return the store of a folder, leased.

    Args:
        directory: made if it is missing.
        values_of: reads a stored body; None for who touches no entities.
        synchronous: "normal" or "full", in any case.
        is_cleared: delete all entities and the files of blobs, having said in the log
            which; accounts, secrets and the presence journal stay.
        may_share: open it beside a server that has the lease: their channels are
            shared, and SQLite keeps their writes apart.
        takes_lease: False in an app process, whose front has it.

    Raises:
        ConfigurationError: synchronous is another word.
        StorageError: it cannot be opened, or another server holds it.
    """
    store = SqliteStore(
        directory,
        values_of,
        synchronous=read_synchronous(synchronous),
        may_share=may_share,
        takes_lease=takes_lease,
    )
    if is_cleared and store.is_leased:
        _clear(store, directory / BLOBS_FOLDER)
    return store


def _clear(store: SqliteStore, blobs: Path) -> None:
    summary = store.entities.summary()
    files = sum(path.is_file() for path in blobs.rglob("*"))
    if not summary and not files:
        return
    described = describe(summary)
    if files:
        described += f" and {files} file{'' if files == 1 else 's'} of blobs"
    _logger.warning("clearing %s of %s", described, store.database.path)
    store.entities.clear()
    # After what knows of them: nothing may point to a file that is gone.
    try:
        shutil.rmtree(blobs)
    except FileNotFoundError:
        pass
    except OSError as error:
        _logger.warning("the blobs' files could not be deleted: %s", error)
