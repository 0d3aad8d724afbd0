"""Where the data of an app lives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from urllib.parse import quote

import platformdirs

from channelshim.errors import ConfigurationError

_OWN_FOLDER = "channelshim"

STORE_ENTRIES: Final = ("blobs", "channelshim.", "control.", "mail", "search")
"""How the names begin of what is kept in a store's folder."""


STORE_DATA: Final = ("blobs", "mail", "search")
"""What of it is data, beside the database: folders of files."""


def private_prefixes(store: Path, app: Path) -> tuple[str, ...]:
    """Return how the real paths begin of files that are never served.

    All in the store's folder, unless the app is in there itself: then the store's own.

    Args:
        store: its folder.
        app: the app's folder.
    """
    folder = os.path.join(os.path.realpath(store), "")
    if not os.path.join(os.path.realpath(app), "").startswith(folder):
        return (folder,)
    return tuple(folder + name for name in STORE_ENTRIES)


def store_directory(application_id: str, storage_path: str | None) -> Path:
    """Return the folder for an app's data; nothing is made or touched.

    Args:
        application_id: `application` of app.yaml, or what stands in for it. Characters
            that could leave the folder are percent-encoded.
        storage_path: a folder that the user named and that is taken as it is; None or
            "" means a folder named after the app in the user's data directory.

    Raises:
        ConfigurationError: the id is empty.
    """
    if storage_path:
        return Path(storage_path).expanduser().absolute()
    if not application_id:
        raise ConfigurationError(
            "the application id is empty: set `application:` in app.yaml or pass "
            "--application"
        )
    name = quote(application_id, safe="~:-_.")
    if name.strip(".") == "":
        name = name.replace(".", "%2E")
    return data_folder() / name


def data_folder() -> Path:
    """Return the folder in which apps have theirs, unless they name another one."""
    return Path(platformdirs.user_data_dir(_OWN_FOLDER, appauthor=False))
