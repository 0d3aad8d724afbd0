"""Writes files into a folder, and over nothing that is there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from channelshim.deploy.files import File
from channelshim.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Written:
    """What has become of one file.

    Attributes:
        path: where it is.
        is_kept: whether the one that was there has stayed.
    """

    path: Path
    is_kept: bool = False


def output_folder(output: str | None, app_dir: Path, here: Path) -> Path:
    """Return the folder to write into, absolute; nothing is made.

    Args:
        output: what was asked for; None for `deploy` in the current folder, or beside
            the app's folder where that would be inside of it.
        app_dir: the app's folder, absolute.
        here: the current folder.

    Raises:
        ConfigurationError: it is in the app's folder, whose files may be served.
    """
    real = Path(os.path.realpath(app_dir))
    if output is None:
        folder = here / "deploy"
        if _is_inside(folder, real):
            folder = app_dir.with_name(f"{app_dir.name}-deploy")
    else:
        # Not Path.expanduser, which raises for a user whom nobody knows.
        folder = here / os.path.expanduser(output)
    if _is_inside(folder, real):
        raise ConfigurationError(
            f"{folder} is in the app's folder, whose files may be served: name another "
            "one with --output"
        )
    return folder


def _is_inside(folder: Path, real: Path) -> bool:
    return Path(os.path.realpath(folder)).is_relative_to(real)


def write_files(folder: Path, files: Sequence[File], *, force: bool) -> list[Written]:
    """Write files; looks first, so that either all are written or none.

    Args:
        folder: made where it is missing.
        files: with different names.
        force: whether to replace files that are there. Secrets stay even so: servers
            have been set up with them.

    Raises:
        ConfigurationError: a file would be overwritten, the folder cannot be written,
            or some of the secrets are there and others are missing.
    """
    there = [each for each in files if os.path.lexists(folder / each.name)]
    if there and not force:
        raise ConfigurationError(
            f"{folder / there[0].name} is there already and would be overwritten: name "
            "another folder with --output, or say --force"
        )
    kept = {each.name for each in there if each.is_secret}
    missing = [each for each in files if each.is_secret and each.name not in kept]
    if kept and missing:
        raise ConfigurationError(
            f"{folder / missing[0].name} is missing, and {folder / min(kept)}, which "
            "was made together with it, is there: restore the one or delete the other"
        )
    try:
        return [
            Written(folder / each.name, is_kept=True)
            if each.name in kept
            else _write(folder, each)
            for each in files
        ]
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename or folder} cannot be written: {error.strerror}"
        ) from error


def _write(folder: Path, file: File) -> Written:
    path = folder / file.name
    folder.mkdir(parents=True, exist_ok=True)
    if path.parent != folder:
        path.parent.mkdir(mode=0o700, exist_ok=True)
    # Never through a link that stands there, and never half of it.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    mode = 0o600 if file.is_secret else 0o644
    number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(number, "wb") as stream:
            stream.write(file.content)
            os.fchmod(number, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    return Written(path)
