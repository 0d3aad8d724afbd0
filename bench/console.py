"""What an open console costs the app: with one, and without, by turns.

usage: python3 -m bench.console [--runs 20] [--seconds 2] [--kind NAME ...]

Two servers of one app. At one of them a page of the console is open, and asks for its
figures as the overview does in a browser. Each pair of runs is a ratio; the interval is
a bootstrap's over those ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.answers import HANDLED, Web, copy_app, load, ours, running
from bench.places import ROOT
from bench.process import free_port
from bench.turns import interval

LOOK_SECONDS = 2.0
"""How often the overview asks; channelshim/console/static/charts.js."""


@contextlib.contextmanager
def looking(port: int) -> Iterator[None]:
    """Keep the overview of a console open."""
    address = f"http://localhost:{port}"
    with urllib.request.urlopen(address) as answer:
        answer.read()
    may_end = threading.Event()

    def look() -> None:
        while not may_end.wait(LOOK_SECONDS):
            with urllib.request.urlopen(f"{address}/status?format=json") as answer:
                answer.read()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        may_end.set()
        thread.join()


def measure(runs: int, seconds: int, kinds: tuple[str, ...]) -> dict[str, list[float]]:
    """Return the ratios of each figure, with an open console to without.

    Requests per second; and how many the same processor time would answer, which says
    something on a machine that has other work, too.
    """
    port = free_port()
    python = ROOT / ".venv" / "bin" / "python"

    def command(*more: str) -> Callable[[Path, int, Path], list[str]]:
        return lambda app, own, folder: [*ours(app, own, folder, python), *more]

    with_console = Web("with", "with", HANDLED, command("--admin_port", str(port)))
    without = Web("without", "without", HANDLED, command("--console=no"))
    ratios: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        app = copy_app(Path(place))
        with running(with_console, app) as one, running(without, app) as other:
            for number in range(runs):
                for kind in kinds:
                    found = {}
                    # Who begins changes, so that a drift favours nobody.
                    for server in (one, other) if number % 2 else (other, one):
                        context = looking(port) if server is one else None
                        with context or contextlib.nullcontext():
                            found[server] = load(server, kind, seconds)
                    mine, without_one = found[one], found[other]
                    for key in mine:
                        value = mine[key] / without_one[key]
                        if key.endswith("_cpu_ms"):
                            value = 1 / value
                        ratios.setdefault(key, []).append(value)
                print(f"{number + 1} of {runs}", file=sys.stderr, flush=True)
    return ratios


def main() -> int:
    """Measure, and print a line for each kind of request."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.console")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--kind", action="append", choices=HANDLED, default=[])
    arguments = parser.parse_args()
    kinds = tuple(arguments.kind) or ("hello", "page")
    chance = random.Random(1)
    print("| figure | ratio, above 1 is better | 95 % interval | pairs |")
    print("|---|---|---|---|")
    for kind, ratios in measure(arguments.runs, arguments.seconds, kinds).items():
        low, high = interval(ratios, chance)
        middle = statistics.median(ratios)
        print(f"| {kind} | {middle:.3f} | {low:.3f} to {high:.3f} | {len(ratios)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
