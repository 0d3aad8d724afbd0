"""What an app's folder says: app.yaml, queue.yaml and cron.yaml, read once."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from channelshim.appyaml.app import parse_app
from channelshim.appyaml.config import AppConfig
from channelshim.appyaml.cron import CronConfig, parse_cron
from channelshim.appyaml.queues import QueueConfig, parse_queues
from channelshim.errors import ConfigurationError

_logger: Final = logging.getLogger("channelshim.composition")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class App:
    """An app's folder, as its files describe it.

    Attributes:
        directory: absolute; the working directory changes when the app is loaded.
        config: app.yaml; None for a plain WSGI app without one.
        queues: queue.yaml.
        cron: cron.yaml.
    """

    directory: Path
    config: AppConfig | None
    queues: QueueConfig
    cron: CronConfig


def read_folder(directory: Path, *, needs_app_yaml: bool) -> App:
    """Return what the files in an app's folder say.

    Args:
        directory: the folder.
        needs_app_yaml: whether there must be one.

    Raises:
        ConfigurationError: a file is missing or cannot be read; names the line.
    """
    directory = directory.absolute()
    has_app_yaml = needs_app_yaml or (directory / "app.yaml").is_file()
    config = read_app(directory) if has_app_yaml else None
    if (directory / "dispatch.yaml").is_file():
        _logger.info("dispatch.yaml has no effect: one module runs here")
    return App(
        directory,
        config,
        _read(directory / "queue.yaml", parse_queues, QueueConfig()),
        _read(directory / "cron.yaml", parse_cron, CronConfig()),
    )


def empty_app(directory: Path) -> App:
    """Return an app's folder whose files say nothing: they cannot be read."""
    return App(directory.absolute(), None, QueueConfig(), CronConfig())


def _read(path: Path, parse: Callable[..., T], missing: T) -> T:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return missing
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"it cannot be read: {error}", path=str(path)
        ) from None
    return parse(text, path=str(path))


def read_app(directory: Path) -> AppConfig:
    """Return what app.yaml in directory says.

    Raises:
        ConfigurationError: there is none, or it cannot be read; names the line.
    """
    path = directory / "app.yaml"
    if not directory.is_dir():
        raise ConfigurationError(f"{directory} is not a folder")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no app.yaml in {directory.resolve()}: name the folder of an App "
            "Engine app, or make one with: channelshim init DIR"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"it cannot be read: {error}", path=str(path)
        ) from None
    return parse_app(text, path=str(path), read=_reader(directory))


def _reader(directory: Path) -> Callable[[str], str | None]:
    def read(name: str) -> str | None:
        path = directory / name
        if path.is_dir():
            path = path / "include.yaml"
        try:
            return path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            return None

    return read


def application_id_of(directory: Path, config: AppConfig | None, setting: str) -> str:
    """Return the id of the app and of its store (docs/explanation/store.md).

    What a setting says, else app.yaml's `application`, else the folder's name and a
    hash of its real path.
    """
    if setting:
        return setting
    if config is not None and config.application:
        return config.application
    real = directory.resolve()
    name = re.sub(r"[^a-z0-9-]+", "-", real.name.lower()).strip("-") or "app"
    digest = hashlib.sha256(os.fsencode(real)).hexdigest()[:8]
    return f"{name[:20]}-{digest}"
