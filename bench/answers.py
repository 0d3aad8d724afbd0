"""HTTP answers beside gunicorn and nginx: wrk asks, the servers take turns.

usage: python3 -m bench.answers [--rounds 5] [--seconds 2] [--kind NAME ...]

Every server has the same core, wrk another one, 8 connections that are kept, and an
access log in a file. A round asks each server for each thing in turn; figures are
medians of rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.install import install
from bench.peers import PROGRAMS, ask
from bench.places import BENCH, CLIENT_CORE, PYTHON, on_server_core
from bench.process import ServerProcess, free_port
from bench.push import Figures

APP = BENCH / "apps" / "pages"
CONNECTIONS = 8
FILES = {"10k": 10 << 10, "1m": 1 << 20, "100m": 100 << 20}

HANDLED = ("hello", "put", "get", "page")
"""What a handler of bench/apps/pages answers."""


_REPORT = re.compile(r"(\d+) requests in ([\d.]+)s, ([\d.]+)(K|M|G|)B read")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True)
class Web:
    """One server of pages or files.

    Attributes:
        name: in the session.
        title: as in tables.
        kinds: what it is asked for.
        command: makes the command from the app, the port and an empty folder.
        environment: more variables, from the app.
    """

    name: str
    title: str
    kinds: tuple[str, ...]
    command: Callable[[Path, int, Path], list[str]]
    environment: Callable[[Path], dict[str, str]] = lambda app: {}


def ours(
    app: Path, port: int, folder: Path, python: Path = PYTHON, level: str = "info"
) -> list[str]:
    """Return the command that serves the app with channelshim."""
    return on_server_core(
        python,
        *("-m", "channelshim", "serve", app),
        *("--port", str(port), "--storage_path", folder),
        *("--automatic_restart", "no", "--log_level", level),
    )


def _silent(app: Path, port: int, folder: Path) -> list[str]:
    return ours(app, port, folder, level="warning")


def _gunicorn(variable: str) -> Callable[[Path, int, Path], list[str]]:
    return lambda app, port, folder: on_server_core(
        PYTHON,
        *("-m", "gunicorn", "--workers", "1", "--threads", "8"),
        *("--worker-class", "gthread", "--bind", f"127.0.0.1:{port}"),
        *("--keep-alive", "60", "--chdir", PROGRAMS),
        *("--access-logfile", folder / "access.log", f"gunicorn_pages:{variable}"),
    )


def _nginx(app: Path, port: int, folder: Path) -> list[str]:
    text = (PROGRAMS / "nginx_files.conf").read_text()
    for mark, value in (("PORT", port), ("FOLDER", folder), ("ROOT", app)):
        text = text.replace(f"@{mark}@", str(value))
    configuration = folder / "nginx.conf"
    configuration.write_text("user root;\n" + text)
    return on_server_core("nginx", "-p", folder, "-c", configuration)


def _pages(app: Path) -> dict[str, str]:
    return {"PAGES": str(app)}


WEBS = (
    Web("channelshim", "channelshim", (*HANDLED, *FILES), ours),
    Web("silent", "channelshim without access log", ("hello",), _silent),
    Web("gunicorn", "gunicorn gthread", ("hello",), _gunicorn("bare"), _pages),
    Web(
        "stubs",
        "the SDK's stubs, gunicorn gthread",
        ("put", "get", "page"),
        _gunicorn("app"),
        _pages,
    ),
    Web("nginx", "nginx", tuple(FILES), _nginx),
)


def path_of(kind: str) -> str:
    """Return what is asked for."""
    return f"/files/{kind}.bin" if kind in FILES else f"/{kind}"


@contextlib.contextmanager
def running(web: Web, app: Path) -> Iterator[ServerProcess]:
    """Start a server of the app on a free port, filled, and end it."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        command = web.command(app, port, Path(folder))
        with ServerProcess(command, port, web.environment(app)) as server:
            if "get" in web.kinds:
                ask(port, "/fill")
            yield server


def copy_app(folder: Path) -> Path:
    """Copy the app into a folder, with its files."""
    app = folder / "pages"
    shutil.copytree(APP, app)
    (app / "files").mkdir()
    for kind, size in FILES.items():
        with open(app / "files" / f"{kind}.bin", "wb") as file:
            for _ in range(0, size, 10 << 10):
                file.write(b"0123456789abcde\n" * 640)
            file.truncate(size)
    return app


def load(server: ServerProcess, kind: str, seconds: int) -> Figures:
    """Ask a server for one thing as fast as it answers.

    Raises:
        RuntimeError: wrk is missing, or an answer was not 200.
    """
    path = path_of(kind)
    ask(server.port, path)
    cpu = server.cpu_seconds()
    done = subprocess.run(
        [
            *("taskset", "-c", str(CLIENT_CORE), "wrk", "--latency", "-t1"),
            *(f"-c{CONNECTIONS}", f"-d{seconds}", "--timeout", "30"),
            f"http://127.0.0.1:{server.port}{path}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    spent = server.cpu_seconds() - cpu
    found = _REPORT.search(done.stdout)
    if found is None or "Non-2xx" in done.stdout:
        raise RuntimeError(f"{kind}: {done.stdout}{done.stderr}")
    count, lasted = float(found[1]), float(found[2])
    if kind in FILES:
        # Few long ones end within the time; what has come of them counts.
        count = float(found[3]) * _UNITS[found[4]] / FILES[kind]
    return {
        f"{kind}_per_second": count / lasted,
        f"{kind}_cpu_ms": 1000 * spent / max(0.01, count),
    }


def measure(rounds: int, seconds: int, kinds: tuple[str, ...] = ()) -> list[Figures]:
    """Return for each round the figures of all, named like "nginx: 10k_per_second"."""
    found = []
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        app = copy_app(Path(place))
        with contextlib.ExitStack() as stack:
            servers = {
                web.name: stack.enter_context(running(web, app))
                for web in WEBS
                if not kinds or set(kinds) & set(web.kinds)
            }
            for number in range(rounds):
                found.append(_round(servers, seconds, kinds))
                print(f"answers: {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return found


def _round(
    servers: dict[str, ServerProcess], seconds: int, kinds: tuple[str, ...]
) -> Figures:
    figures: Figures = {}
    for kind in (*HANDLED, *FILES):
        if kinds and kind not in kinds:
            continue
        # Those that are compared follow each other.
        for web in WEBS:
            if kind in web.kinds and web.name in servers:
                for key, value in load(servers[web.name], kind, seconds).items():
                    figures[f"{web.name}: {key}"] = value
    return figures


def medians_by_server(rounds: list[Figures]) -> dict[str, Figures]:
    """Return the median of each figure, by server."""
    by_server: dict[str, Figures] = {}
    for name in rounds[0]:
        server, _, key = name.partition(": ")
        median = statistics.median(each[name] for each in rounds)
        by_server.setdefault(server, {})[key] = median
    return by_server


def main() -> int:
    """Measure and print a line for each server and thing."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.answers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    kinds = (*HANDLED, *FILES)
    parser.add_argument("--kind", action="append", choices=kinds, default=[])
    arguments = parser.parse_args()
    for sentence in install():
        print(f"not installed: {sentence}", file=sys.stderr)
    rounds = measure(arguments.rounds, arguments.seconds, tuple(arguments.kind))
    for server, figures in medians_by_server(rounds).items():
        for kind in kinds:
            rate = figures.get(f"{kind}_per_second")
            if rate is not None:
                cpu = figures[f"{kind}_cpu_ms"]
                print(f"{server:12} {kind:6} {rate:10,.0f} /s {cpu:8.3f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
