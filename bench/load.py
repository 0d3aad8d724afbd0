"""The load generator (bench/client) as an object: a command in, a dict out."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from typing import Any

from bench.places import CLIENT_CORE, LOAD


class Load:
    """A running load generator; use as a context manager.

    Args:
        port: of the server.
    """

    def __init__(self, port: int) -> None:
        self._child = subprocess.Popen(
            [str(LOAD), str(port), str(CLIENT_CORE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *exception: object) -> None:
        self._child.kill()
        self._child.communicate()

    def tell(self, command: str) -> dict[str, Any]:
        """Run one command (bench/client/main.c) and return its report.

        Raises:
            RuntimeError: the load generator died.
        """
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(command + "\n")
        self._child.stdin.flush()
        answer = self._child.stdout.readline()
        if not answer:
            raise RuntimeError(f"the load generator died at {command!r}")
        return dict(json.loads(answer))

    def open(
        self, pages: Sequence[str], rule: str, at_once: int = 64
    ) -> dict[str, Any]:
        """Open one page for each path; `rule` says when it counts as open."""
        with tempfile.NamedTemporaryFile("w", suffix=".paths") as file:
            file.write("".join(path + "\n" for path in pages))
            file.flush()
            return self.tell(f"open {file.name} {at_once} {rule}")
