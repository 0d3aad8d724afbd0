"""What `channelshim init DIR` writes: the tutorial's app, ready to run."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from channelshim.errors import ConfigurationError

TUTORIAL_FILES = ("app.yaml", "server.py", "index.html", "static/main.js")
"""The files, in the order in which the tutorial writes them."""

_TEMPLATE_FOLDER = "init_template"
_TEMPLATE_SUFFIX = "-tpl"
"""Keeps linters, type checkers and import scans away from an app that is data here."""


def write_tutorial_app(directory: Path) -> list[Path]:
    """Write the tutorial's four files into a folder, made if it is missing.

    Looks before it writes: when one of the files is there already, none is written.

    Args:
        directory: where the app shall stand.

    Returns:
        The files written, in the order of `TUTORIAL_FILES`.

    Raises:
        ConfigurationError: a file would be overwritten, or the folder cannot be
            written.
    """
    targets = [directory / name for name in TUTORIAL_FILES]
    for target in targets:
        if target.exists() or target.is_symlink():
            raise ConfigurationError(_already_there(target))
    for name, target in zip(TUTORIAL_FILES, targets, strict=True):
        _write(target, read_tutorial_file(name))
    return targets


def read_tutorial_file(name: str) -> bytes:
    """Return the bytes of one of the tutorial's files.

    Args:
        name: one of `TUTORIAL_FILES`.
    """
    template = resources.files("channelshim") / _TEMPLATE_FOLDER
    return template.joinpath(*f"{name}{_TEMPLATE_SUFFIX}".split("/")).read_bytes()


def _write(target: Path, content: bytes) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(content)
    except FileExistsError as error:
        # Either the file came up since we looked, or its folder is a file.
        raise ConfigurationError(_already_there(Path(error.filename))) from error
    except OSError as error:
        raise ConfigurationError(
            f"{target} cannot be written: {error.strerror}"
        ) from error


def _already_there(path: Path) -> str:
    return f"{path} is there already and would be overwritten: choose an empty folder"
