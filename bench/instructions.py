"""Two checkouts by the instructions that a message costs, where clocks are too unsure.

usage: python3 -m bench.instructions OTHER_CHECKOUT [--runs 3] [--row NAME ...]

Each server runs under valgrind, which counts the instructions of its process (not the
kernel's). It is asked for some messages, and in another run for many more; the
difference, by the number of messages between, is what one costs, without the start.
The count does not depend on what else the machine does, save for how threads meet;
the runs say by how much. Valgrind is slow: each figure takes some minutes.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.load import Load
from bench.peers import ask, pages_of
from bench.places import BENCH, ROOT
from bench.process import ServerProcess, free_port
from bench.turns import peer_of, python_of

_START_SECONDS = 300.0
"""Within which a server under valgrind listens."""

_COUNT = re.compile(rb"I\s+refs:\s+([\d,]+)")


@dataclass(frozen=True)
class Row:
    """What is asked of a server.

    Attributes:
        app: folder of the app.
        pages: that are open; 0 for as many as there would be posts.
        posts: of the short run; the long one makes LONGER times as many.
        ask: makes so many requests to the server at a port.
    """

    app: Path
    pages: int
    posts: int
    ask: Callable[[int, int], None]


LONGER = 5


def _post(port: int, count: int) -> None:
    for _ in range(count):
        ask(port, "/send", "POST", "x" * 64)


def _get(port: int, count: int) -> None:
    for _ in range(count):
        ask(port, "/stats")


FANOUT = BENCH / "apps" / "fanout"

ROWS = {
    "one": Row(FANOUT, 1, 200, _post),
    "fanout": Row(FANOUT, 200, 60, _post),
    "request": Row(FANOUT, 1, 200, _get),
    "open": Row(FANOUT, 0, 100, lambda port, count: None),
}
"""One text to one page, one to many, a request that sends nothing, and a page that is
opened, its token included."""


def count(checkout: Path, row: Row, posts: int) -> int:
    """Return the instructions of a server from its start to its end.

    Raises:
        RuntimeError: it did not start, or valgrind counted nothing.
    """
    peer = peer_of(checkout, row.app)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        log = Path(folder) / "valgrind"
        server_command = peer.command(port, Path(folder) / "data")
        # Behind what puts it on its core, if anything does.
        at = server_command.index(str(python_of(checkout)))
        command = [
            *server_command[:at],
            "valgrind",
            "--tool=cachegrind",
            "--cache-sim=no",
            "--cachegrind-out-file=/dev/null",
            f"--log-file={log}",
            *server_command[at:],
        ]
        with ServerProcess(
            command,
            port,
            # The order of sets would cost each start something else.
            {"PYTHONHASHSEED": "0"},
            start_seconds=_START_SECONDS,
            stop_seconds=60,
        ) as server:
            pages = row.pages or posts
            paths = pages_of(peer, port, pages)
            with Load(port) as load:
                opened = load.open(paths, peer.ready)
                if opened["pages"] != pages:
                    raise RuntimeError(f"not all pages opened: {opened}")
                row.ask(port, posts)
            server.stop()
        found = _COUNT.search(log.read_bytes())
    if found is None:
        raise RuntimeError(f"valgrind counted nothing:\n{server.output()}")
    return int(found[1].replace(b",", b""))


def per_message(checkout: Path, row: Row) -> float:
    """Return the instructions of one request and what it sends."""
    short = count(checkout, row, row.posts)
    long = count(checkout, row, LONGER * row.posts)
    return (long - short) / ((LONGER - 1) * row.posts)


def main() -> None:
    """Run what the command line asks for, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--row", action="append", choices=ROWS)
    options = parser.parse_args()
    sides = {"here": ROOT, "there": options.other.resolve()}
    for name in options.row or ROWS:
        found: dict[str, list[float]] = {side: [] for side in sides}
        for checkout in sides.values():
            # Writes the byte code, if it is missing.
            count(checkout, ROWS[name], 1)
        for _ in range(options.runs):
            for side, checkout in sides.items():
                found[side].append(per_message(checkout, ROWS[name]))
                print(f"{name} {side}: {found[side][-1]:,.0f}", file=sys.stderr)
        here, there = (statistics.median(found[side]) for side in sides)
        print(f"{name}: {here:,.0f} here, {there:,.0f} there, {here / there:.3f}")


if __name__ == "__main__":
    main()
