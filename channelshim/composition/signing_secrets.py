"""New secrets to sign with: what `channelshim rotate-secrets` does."""

from __future__ import annotations

from pathlib import Path

from channelshim.composition.app_parts import COOKIES, TOKENS
from channelshim.composition.logins import NOTES
from channelshim.composition.place import store_directory
from channelshim.composition.reading import (
    application_id_of,
    read_app,
)
from channelshim.composition.settings import Settings
from channelshim.composition.stores import StoreChoice, choose_store, open_store


def rotate_secrets(
    directory: Path, settings: Settings, *, keep: int = 2
) -> StoreChoice:
    """Sign with new secrets from the next start on; the old ones still verify.

    Args:
        directory: the app's.
        settings: as read.
        keep: secrets of each purpose; 1 makes all that was signed invalid.

    Returns:
        which store it was.

    Raises:
        ConfigurationError: there is no app.yaml, or it is broken.
        StorageError: the store is in use.
    """
    config = read_app(directory)
    application_id = application_id_of(directory, config, settings.application)
    folder = store_directory(application_id, settings.storage_path)
    choice = choose_store(settings, application_id, folder, config)
    store = open_store(choice)
    try:
        for purpose in (TOKENS, COOKIES, NOTES):
            store.secrets.get(purpose)
            store.secrets.rotate(purpose, keep=keep)
    finally:
        store.close()
    return choice
