"""Translated code kept between runs of the program.

An entry is marshalled code behind a digest: marshal trusts what it reads, so a file
that is damaged, or that anybody but this user could have written, is not read at all.
Any trouble with the folder means that a file is translated again, never an error.
"""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import stat
import sys
import threading
import time
from types import CodeType
from typing import Final

_MAGIC: Final = b"channelshim-py27\n"
_DIGEST_BYTES: Final = 32
_SECONDS_PER_DAY: Final = 24 * 60 * 60
_TRANSLATOR_FILES: Final = ("tokens", "nodes", "translation", "compiling")
_TRANSLATOR_BEGINNINGS: Final = ("parser", "lowering")


def translator_digest() -> bytes:
    """Return a digest of the files that decide what a source is translated to."""
    digest = hashlib.sha256()
    folder = os.path.dirname(__file__)
    for name in sorted(os.listdir(folder)):
        stem, extension = os.path.splitext(name)
        if extension == ".py" and (
            stem in _TRANSLATOR_FILES or stem.startswith(_TRANSLATOR_BEGINNINGS)
        ):
            with (
                contextlib.suppress(OSError),
                open(os.path.join(folder, name), "rb") as file,
            ):
                digest.update(name.encode() + b"\0" + file.read())
    return digest.digest()


class CodeCache:
    """Code objects by their source, in one folder of this user."""

    def __init__(self, folder: str | None = None, *, days: float = 30) -> None:
        """Use a folder, made when the first entry is written.

        Args:
            folder: where entries live; None means below the user's cache folder.
            days: entries that nobody has read for longer are removed.
        """
        if folder is None:
            from platformdirs import user_cache_dir

            folder = os.path.join(user_cache_dir("channelshim"), "py27")
        self._folder: Final = folder
        self._days: Final = days
        self._lock: Final = threading.Lock()
        self._usable: bool | None = None
        self._has_looked = False
        self._digest: bytes | None = None

    def key(self, source: bytes) -> str:
        """Return the name of an entry: what decides the code, and nothing else.

        Not the path, so that an app which moves is not translated again; the loader
        writes the path into the code.
        """
        if self._digest is None:
            self._digest = translator_digest()
        parts = (
            sys.implementation.cache_tag or sys.version,
            str(sys.flags.optimize),
        )
        digest = hashlib.sha256(self._digest)
        for part in parts:
            digest.update(part.encode() + b"\0")
        digest.update(source)
        return digest.hexdigest()

    def load(self, key: str) -> CodeType | None:
        """Return the code of an entry; None when there is none that can be trusted."""
        if not self._is_usable():
            return None
        path = self._path(key)
        try:
            with open(path, "rb") as file:
                status = os.fstat(file.fileno())
                if not _is_private(status):
                    return None
                raw = file.read()
        except OSError:
            return None
        head = len(_MAGIC) + _DIGEST_BYTES
        payload = raw[head:]
        expected = _MAGIC + hashlib.sha256(key.encode() + payload).digest()
        if raw[:head] != expected:
            return None
        try:
            code = marshal.loads(payload)
        except (EOFError, TypeError, ValueError):
            return None
        if time.time() - status.st_mtime > _SECONDS_PER_DAY:
            with contextlib.suppress(OSError):
                os.utime(path)
        return code if isinstance(code, CodeType) else None

    def store(self, key: str, code: CodeType) -> None:
        """Write an entry: whole, or not at all."""
        if not self._is_usable(make=True):
            return
        import tempfile

        payload = marshal.dumps(code)
        raw = _MAGIC + hashlib.sha256(key.encode() + payload).digest() + payload
        path = self._path(key)
        temporary = None
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            number, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
            with open(number, "wb") as file:
                file.write(raw)
            os.replace(temporary, path)
            self._trim_daily()
        except OSError:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)

    def _trim_daily(self) -> None:
        """Trim, unless this or another process has done so today."""
        if self._has_looked:
            return
        self._has_looked = True
        mark = os.path.join(self._folder, "trimmed")
        with contextlib.suppress(OSError):
            if time.time() - os.stat(mark).st_mtime < _SECONDS_PER_DAY:
                return
        with open(mark, "w"):
            pass
        self.trim()

    def trim(self) -> None:
        """Remove entries, and left-over temporary files, that are too old."""
        if not self._is_usable():
            return
        oldest = time.time() - self._days * _SECONDS_PER_DAY
        for folder, _, files in os.walk(self._folder):
            for name in files:
                path = os.path.join(folder, name)
                with contextlib.suppress(OSError):
                    if os.stat(path).st_mtime < oldest:
                        os.unlink(path)

    def _path(self, key: str) -> str:
        return os.path.join(self._folder, key[:2], key[2:])

    def _is_usable(self, *, make: bool = False) -> bool:
        """Tell whether the folder is there and nobody else can write to it."""
        if self._usable is not None and (self._usable or not make):
            return self._usable
        with self._lock:
            try:
                if make:
                    os.makedirs(self._folder, mode=0o700, exist_ok=True)
                self._usable = _is_private(os.stat(self._folder))
            except OSError:
                # Not there yet is no verdict: the first store makes it.
                self._usable = False
            return self._usable


def _is_private(status: os.stat_result) -> bool:
    """Tell whether only this user can have written a file or folder."""
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid == os.getuid() and not status.st_mode & (
        stat.S_IWGRP | stat.S_IWOTH
    )
