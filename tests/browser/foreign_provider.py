"""An OpenID provider by others, in a process of its own: npm's oidc-provider."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.lanes import OPENID

CLIENT_ID = "this-app"
SECRET = "the-clients-secret"


class ForeignProvider:
    """The provider; a context manager.

    Attributes:
        url: its issuer.
    """

    def __init__(self) -> None:
        node = shutil.which("node")
        assert node is not None, "the lane openid checks that"
        self.process = subprocess.Popen(
            [node, Path(__file__).parent / "openid" / "provider.js"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                **os.environ,
                "CLIENT_ID": CLIENT_ID,
                "CLIENT_SECRET": SECRET,
                "MODULES": str(OPENID / "node_modules"),
            },
        )
        self.url = self._read("listening at ")

    def __enter__(self) -> ForeignProvider:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def register(self, app: str) -> None:
        """Register the app.

        Args:
            app: its address, with a slash at the end.
        """
        assert self.process.stdin is not None
        self.process.stdin.write(app + "\n")
        self.process.stdin.flush()
        self._read("ready")

    def _read(self, beginning: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(beginning):
                return line.removeprefix(beginning).strip()
        raise AssertionError("the provider ended")
