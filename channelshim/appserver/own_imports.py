"""Modules that are ours, or our dependencies', although an app has files of that name.

An app's folder is first on sys.path, as it was at Google, and apps of that time have a
`secrets.py` or `queue.py` of their own: Python 2.7 had no such modules. What we have
imported by then is out of reach, but much is imported only when a service is first
called, and the app's file would answer. So those of our later imports that the app has
a file for are made before its folder comes into play; the others stay as lazy as they
are, and names that we never need are the app's.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

LATE: Final = frozenset(
    """
    argparse bz2 calendar cgi colorsys csv
    decimal difflib fractions getpass glob graphlib gzip lzma mimetypes netrc numbers
    pkgutil pprint pyexpat smtplib statistics stringprep unicodedata unittest xml
    zipfile zoneinfo

    PIL anyio asgiref certifi charset_normalizer cryptography frozendict grpc httptools
    idna mock pyasn1 pyasn1_modules requests rsa ruamel six sniffio typing_extensions
    urllib3 uvloop watchfiles websockets
    """.split()
)
"""Modules of the standard library and of our dependencies that we import late.

Source: tests/doors/test_own_imports.py, which fails for one that is missing. Django is
left out: an app that brings a folder of it wants its own.
"""


def import_before(folders: Iterable[Path]) -> None:
    """Import what we need later and an app would answer.

    Args:
        folders: of the app, not yet on sys.path.
    """
    for name in sorted(LATE):
        if any(_has_module(folder, name) for folder in folders):
            try:
                importlib.import_module(name)
            except ImportError:
                # Not on this Python, or without this extra: then we do not need it.
                continue


def _has_module(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name).is_dir()
