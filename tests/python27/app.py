"""An app in a folder of its own, and a child process that runs it in 2.7 mode."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from tests.lanes import ROOT, timeout_factor

TIMEOUT_SECONDS = 60 * timeout_factor()

DRIVER = """
import sys
from channelshim.python27 import import_app, install
sys.path.insert(0, {folder!r})
importer = install({folder!r}, cache_dir={cache!r}, python3_files={python3_files!r})
"""


class App:
    """The files of an app, and runs of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "app"
        self.cache = folder / "cache"
        self.folder.mkdir()
        self.python3_files: list[str] = []

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files by their paths."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                content = textwrap.dedent(content).encode("utf-8")
            path.write_bytes(content)

    def run(self, code: str = "import_app('main')", **environment: str) -> str:
        """Run code of Python 3 after the mode is installed, and return the output."""
        driver = DRIVER.format(
            folder=str(self.folder),
            cache=str(self.cache),
            python3_files=self.python3_files,
        )
        done = subprocess.run(
            [sys.executable, "-c", driver + textwrap.dedent(code)],
            cwd=self.folder.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        output = done.stdout.decode("utf-8", "surrogateescape")
        if done.returncode:
            output += done.stderr.decode("utf-8", "replace")
        return output
