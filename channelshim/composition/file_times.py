"""What an app's files looked like at a moment, to tell which have changed since."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

FileTimes = Mapping[str, tuple[int, int, int]]
"""Path to time of the last change in nanoseconds, size, and number on the disk."""


def file_times(*directories: Path, ignored: Iterable[Path] = ()) -> FileTimes:
    """Return how every file below some folders looks now.

    Hidden files and folders, and Python's caches, are left out. Links to folders are
    not followed.

    Args:
        directories: the folders.
        ignored: folders whose files are left out, if they are met below those.
    """
    left_out = {os.path.realpath(each) for each in ignored}
    found: dict[str, tuple[int, int, int]] = {}
    folders = [os.path.realpath(each) for each in directories]
    while folders:
        folder = folders.pop()
        if folder in left_out:
            continue
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    _note(entry, found, folders)
        except OSError:
            # It has gone, or may not be read: the app cannot read it either.
            continue
    return found


def _note(
    entry: os.DirEntry[str],
    found: dict[str, tuple[int, int, int]],
    folders: list[str],
) -> None:
    if entry.name.startswith(".") or entry.name == "__pycache__":
        return
    try:
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.path)
        else:
            facts = entry.stat()
            found[entry.path] = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
    except OSError:
        return


def changed_paths(before: FileTimes, now: FileTimes) -> list[str]:
    """Return the paths that differ, one that is missing on either side included."""
    return sorted(
        path for path in before.keys() | now.keys() if before.get(path) != now.get(path)
    )
