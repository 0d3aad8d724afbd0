"""What app processes gain and cost: the tutorial's chat, and a light request.

    python -m bench.workers [--rounds 3] [--seconds 5] [--users 1000]

The server has all cores, the load generator its one. "front + 2 apps" is `--workers 2`
against one process: POSTs to /chat a second, which one text each goes to all users by,
and processor time for a redirect. Prints a Markdown table with the marks of both rows.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import original
from bench.load import Load
from bench.minichat import copy_app
from bench.places import CLIENT_CORE
from bench.process import ServerProcess, free_port

POSTERS = 8
CONNECTIONS = 8
LEAST_GAIN, AIMED_GAIN = 1.7, 1.9
MOST_COST, AIMED_COST = 1.4, 1.2

_REQUESTS = re.compile(r"(\d+) requests in")


def command(app: Path, port: int, data: Path, workers: int) -> list[str]:
    """Return the command that serves an app with so many app processes."""
    return [
        *(sys.executable, "-m", "channelshim", "serve", str(app)),
        *("--port", str(port), "--storage_path", str(data)),
        *("--automatic_restart", "no", "--log_level", "warning"),
        *("--workers", str(workers)),
    ]


def settle(server: ServerProcess) -> None:
    """Wait until nothing is being loaded any more: one process serves before others."""
    before = -1.0
    while server.cpu_seconds() - before > 0.02:
        before = server.cpu_seconds()
        time.sleep(1.0)


def chat(workers: int, users: int, seconds: float) -> tuple[float, float]:
    """Return POSTs to /chat a second, and the processor's milliseconds for each."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        app, port = copy_app(Path(place)), free_port()
        served = command(app, port, Path(place) / "data", workers)
        with ServerProcess(served, port) as server, Load(port) as load:
            joined = asyncio.run(original.join_all(server.port, users))
            paths = [f"/_ah/channel/socket?token={token}" for _, token in joined]
            opened = load.open(paths, "hello")
            if opened["pages"] != users:
                raise RuntimeError(f"only {opened['pages']} of {users} pages")
            for poster in range(POSTERS):
                load.tell(f"header {poster} Cookie: {joined[poster][0]}")
            settle(server)
            load.tell("target /chat")
            load.tell(f"saturate {POSTERS} 1")
            before = server.cpu_seconds()
            report = load.tell(f"saturate {POSTERS} {seconds}")
            spent = server.cpu_seconds() - before
    if report["lost"] or report["misordered"]:
        raise RuntimeError(f"messages were lost: {report}")
    posts = report["delivered"] / users
    return report["per_second"] / users, 1000 * spent / posts


def light(workers: int, seconds: float) -> tuple[float, float]:
    """Return redirects a second, and the processor's milliseconds for each."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        app, port = copy_app(Path(place)), free_port()
        served = command(app, port, Path(place) / "data", workers)
        with ServerProcess(served, port) as server:
            settle(server)
            _wrk(port, 1)
            before = server.cpu_seconds()
            requests = _wrk(port, seconds)
            spent = server.cpu_seconds() - before
    return requests / seconds, 1000 * spent / requests


def _wrk(port: int, seconds: float) -> int:
    words = ["taskset", "-c", str(CLIENT_CORE), "wrk", "-t1", f"-c{CONNECTIONS}"]
    done = subprocess.run(
        [*words, f"-d{seconds:g}s", f"http://127.0.0.1:{port}/"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = _REQUESTS.search(done.stdout)
    if found is None or "Non-2xx" in done.stdout:
        raise RuntimeError(done.stdout)
    return int(found[1])


def main() -> None:
    """Measure by turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--users", type=int, default=1000)
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("install wrk: apt-get install wrk")
    gains, costs = [], []
    for _ in range(arguments.rounds):
        alone = chat(0, arguments.users, arguments.seconds)
        crew = chat(2, arguments.users, arguments.seconds)
        print(f"chat: {alone[0]:.1f} and {crew[0]:.1f} POST/s", file=sys.stderr)
        gains.append((crew[0] / alone[0], alone, crew))
        alone, crew = light(0, arguments.seconds), light(2, arguments.seconds)
        print(f"light: {alone[1]:.3f} and {crew[1]:.3f} ms", file=sys.stderr)
        costs.append((crew[1] / alone[1], alone, crew))
    _print(statistics.median_low(gains), costs)


def _print(
    gain: tuple[float, tuple[float, float], tuple[float, float]],
    costs: list[tuple[float, tuple[float, float], tuple[float, float]]],
) -> None:
    cost = statistics.median_low(costs)
    print("| | one process | front + 2 apps | ratio | least | aim |")
    print("|---|---|---|---|---|---|")
    print(
        f"| POST /chat, POSTs a second | {gain[1][0]:.1f} | {gain[2][0]:.1f} "
        f"| {gain[0]:.2f} | {LEAST_GAIN} | {AIMED_GAIN} |"
    )
    print(
        f"| POST /chat, CPU ms each | {gain[1][1]:.1f} | {gain[2][1]:.1f} "
        f"| {gain[2][1] / gain[1][1]:.2f} | | |"
    )
    print(
        f"| pipe hop, light request, CPU ms | {cost[1][1]:.3f} | {cost[2][1]:.3f} "
        f"| {cost[0]:.2f} | {MOST_COST} | {AIMED_COST} |"
    )
    print(
        f"| light requests a second | {cost[1][0]:.0f} | {cost[2][0]:.0f} "
        f"| {cost[2][0] / cost[1][0]:.2f} | | |"
    )


if __name__ == "__main__":
    main()
