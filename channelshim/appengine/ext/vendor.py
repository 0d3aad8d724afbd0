"""google.appengine.ext.vendor: third-party folders on sys.path."""

from __future__ import annotations

import os
import site
import sys


def add(folder: str, index: int = 1) -> None:
    """Put a folder with libraries on sys.path, its .pth files included.

    Args:
        folder: relative to the working directory, the app's folder.
        index: where on sys.path; 1 is right behind the app.

    Raises:
        ValueError: there is no such folder.

    Source: SDK 1.9.88, ext/vendor/__init__.py, add; a virtual environment's folder is
        not looked into, since its libraries are for another Python.
    """
    path = os.path.abspath(folder)
    if not os.path.isdir(path):
        raise ValueError(f"virtualenv: cannot access {folder}: No such directory")
    before = list(sys.path)
    site.addsitedir(path)
    added = [each for each in sys.path if each not in before] or [path]
    sys.path[:] = [*before[:index], *added, *(p for p in before[index:] if p != path)]
