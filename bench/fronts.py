"""Several servers over one Redis, beside peers that do the same.

    python -m bench.fronts [--fronts 1 2 4] [--pages 1000] [--rounds 3] [--seconds 3]

The servers share one core; the load generators and Redis share another, so the figures
say what each server more costs and not what another core would bring. The pages are
divided among the servers; one load generator posts to the first, and each text goes to
every page. Prints a Markdown table, and writes plots of deliveries and of processor
time for a message over the number of servers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.install import install
from bench.load import Load
from bench.peers import PROGRAMS, ask, serve_command
from bench.places import (
    BENCH,
    CLIENT_CORE,
    NGINX_MODULES,
    PYTHON,
    RESULTS,
    on_server_core,
)
from bench.plots import lines
from bench.process import ServerProcess, free_port

WRITERS = 16
_LISTENS_SECONDS = 30.0
"""For so long at most those that only listen go on after the last post; they end when
nothing has come for a second."""

_LISTENS_FIRST_SECONDS = 0.3
_CONNECTS_SECONDS = 30.0

Command = Callable[[int, Path, int], list[str]]
"""Makes a server's command from its port, an empty folder, and the port of Redis."""


@dataclass(frozen=True)
class Kind:
    """One kind of server that shares a Redis.

    Attributes:
        title: as in tables.
        command: starts one.
        ready: when a page counts as open.
        page: the path of a page; None when channelshim's tokens are needed.
    """

    title: str
    command: Command
    ready: str
    page: str | None


@dataclass(frozen=True)
class Figures:
    """What one run has shown.

    Attributes:
        per_second: deliveries.
        front_us: processor time of all servers for a delivery, microseconds.
        redis_us: of Redis for a delivery.
    """

    per_second: float
    front_us: float
    redis_us: float


def _channelshim(port: int, folder: Path, redis: int) -> list[str]:
    return [
        *serve_command(BENCH / "apps" / "fanout", port, folder / "data"),
        *("--broker", f"redis://127.0.0.1:{redis}"),
    ]


def _socketio(port: int, folder: Path, redis: int) -> list[str]:
    url = f"redis://127.0.0.1:{redis}"
    return on_server_core(PYTHON, PROGRAMS / "socketio_peer.py", str(port), url)


def _nchan(port: int, folder: Path, redis: int) -> list[str]:
    own = folder / str(port)
    own.mkdir()
    text = (PROGRAMS / "nginx_nchan_redis.conf").read_text()
    for mark, value in (
        *(("PORT", port), ("FOLDER", own), ("MODULES", NGINX_MODULES)),
        ("REDIS", redis),
    ):
        text = text.replace(f"@{mark}@", str(value))
    configuration = own / "nginx.conf"
    configuration.write_text("user root;\n" + text)
    return on_server_core("nginx", "-p", own, "-c", configuration)


KINDS = {
    "channelshim": Kind("channelshim", _channelshim, "hello", None),
    "socketio": Kind(
        "python-socketio with its Redis manager",
        _socketio,
        "socketio",
        "/socket.io/?EIO=4&transport=websocket",
    ),
    "nchan": Kind("nginx nchan with Redis", _nchan, "handshake", "/ws?id=page-{}"),
}


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[ServerProcess]:
    """Run a Redis that keeps nothing, on the load generators' core."""
    port = free_port()
    command = [
        *("taskset", "-c", str(CLIENT_CORE), "redis-server", "--port", str(port)),
        *("--save", "", "--appendonly", "no", "--dir", str(folder)),
        *("--loglevel", "warning"),
    ]
    with ServerProcess(command, port) as server:
        yield server


def run(kind: Kind, fronts: int, pages: int, seconds: float) -> Figures:
    """Start the servers, open the pages, and post as fast as it goes.

    Raises:
        RuntimeError: a page was not opened, or a text was lost.
    """
    with contextlib.ExitStack() as opened:
        place = tempfile.TemporaryDirectory(prefix="bench-")
        folder = Path(opened.enter_context(place))
        redis = opened.enter_context(redis_server(folder))
        servers = []
        for _ in range(fronts):
            port = free_port()
            command = kind.command(port, folder, redis.port)
            servers.append(opened.enter_context(ServerProcess(command, port)))
            _wait_until_it_sends(port)
        loads = [opened.enter_context(Load(server.port)) for server in servers]
        paths = _paths(kind, servers, pages)
        for at, load in enumerate(loads):
            own = paths[at::fronts]
            if load.open(own, kind.ready)["pages"] != len(own):
                raise RuntimeError(f"{kind.title}: not all pages were opened")
        _all_at_once(loads, 0.5)
        time.sleep(0.5)
        spent = sum(server.cpu_seconds() for server in servers)
        of_redis = redis.cpu_seconds()
        reports = _all_at_once(loads, seconds)
        spent = sum(server.cpu_seconds() for server in servers) - spent
        of_redis = redis.cpu_seconds() - of_redis
    delivered = sum(report["delivered"] for report in reports)
    if delivered != reports[0]["posts"] * pages or _are_out_of_order(reports):
        raise RuntimeError(f"{kind.title}: messages were lost: {reports}")
    return Figures(
        delivered / max(report["seconds"] for report in reports),
        1e6 * spent / delivered,
        1e6 * of_redis / delivered,
    )


def _are_out_of_order(reports: Sequence[dict[str, float]]) -> bool:
    return any(report["misordered"] or report["lost"] for report in reports)


def _wait_until_it_sends(port: int) -> None:
    """Post until that is taken: nchan refuses all until it has found its Redis."""
    deadline = time.monotonic() + _CONNECTS_SECONDS
    while True:
        try:
            ask(port, "/send", "POST", "for nobody")
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _paths(kind: Kind, servers: Sequence[ServerProcess], pages: int) -> list[str]:
    if kind.page is not None:
        return [kind.page.format(number) for number in range(pages)]
    # Each server's app is to know all ids; the tokens of one open them everywhere.
    found = [json.loads(ask(server.port, f"/tokens?n={pages}")) for server in servers]
    return [f"/_ah/channel/socket?token={token}" for token in found[0]]


def _all_at_once(loads: Sequence[Load], seconds: float) -> list[dict[str, float]]:
    """Have the first load generator post, and the others listen; return reports."""
    reports: list[dict[str, float]] = [{} for _ in loads]

    def listen(at: int) -> None:
        # It has had as many commands as the one that posts, so it knows the texts.
        reports[at] = loads[at].tell(f"follow {seconds + _LISTENS_SECONDS}")

    threads = [
        threading.Thread(target=listen, args=(at,)) for at in range(1, len(loads))
    ]
    for thread in threads:
        thread.start()
    # They are to listen by then; before the first text nothing is counted.
    time.sleep(_LISTENS_FIRST_SECONDS)
    reports[0] = loads[0].tell(f"saturate {WRITERS} {seconds}")
    for thread in threads:
        thread.join()
    return reports


Table = dict[str, dict[int, Figures]]


def measure(
    names: Sequence[str], fronts: Sequence[int], pages: int, rounds: int, seconds: float
) -> Table:
    """Return the median figures of each kind for each number of servers."""
    runs: dict[tuple[str, int], list[Figures]] = {}
    for _ in range(rounds):
        for count in fronts:
            for name in names:
                figures = run(KINDS[name], count, pages, seconds)
                print(f"{name}, {count}: {figures}", file=sys.stderr)
                runs.setdefault((name, count), []).append(figures)
    return {
        name: {count: _median(runs[name, count]) for count in fronts} for name in names
    }


def _median(runs: Sequence[Figures]) -> Figures:
    return Figures(
        statistics.median(each.per_second for each in runs),
        statistics.median(each.front_us for each in runs),
        statistics.median(each.redis_us for each in runs),
    )


def markdown(table: Table) -> str:
    """Return the table of all figures."""
    rows = [
        "| | servers | delivered/s | server CPU µs each | Redis CPU µs each |",
        "|---|---|---|---|---|",
    ]
    for name, own in table.items():
        rows += [
            f"| {KINDS[name].title} | {count} | {each.per_second:,.0f} "
            f"| {each.front_us:.2f} | {each.redis_us:.2f} |"
            for count, each in own.items()
        ]
    return "\n".join(rows)


def plots(table: Table) -> dict[str, str]:
    """Return the charts by the names of their files."""
    drawn: dict[str, tuple[str, Callable[[Figures], float]]] = {
        "fronts-delivered.svg": ("Deliveries a second", lambda each: each.per_second),
        "fronts-cpu.svg": (
            "Processor time for a delivery, µs, servers and Redis",
            lambda each: each.front_us + each.redis_us,
        ),
    }
    return {
        file: lines(
            title,
            "servers over one Redis",
            [
                (
                    KINDS[name].title,
                    [(float(count), pick(each)) for count, each in own.items()],
                )
                for name, own in table.items()
            ],
        )
        for file, (title, pick) in drawn.items()
    }


def main() -> None:
    """Measure by turns; print the table and write the plots."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fronts", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--kind", action="append", choices=[*KINDS], default=[])
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for plots")
    arguments = parser.parse_args()
    for sentence in install():
        print(f"not installed: {sentence}", file=sys.stderr)
    names = arguments.kind or list(KINDS)
    table = measure(
        names,
        arguments.fronts,
        arguments.pages,
        arguments.rounds,
        arguments.seconds,
    )
    print(markdown(table))
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, chart in plots(table).items():
        (arguments.out / name).write_text(chart, "utf-8")
        print(f"plot: {arguments.out / name}", file=sys.stderr)


if __name__ == "__main__":
    main()
