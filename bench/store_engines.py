"""The store on PostgreSQL beside SQLite, in one run: processor time through ndb.

    python -m bench.store_engines [--quick] [--rounds N]

The server is PostgreSQL's of the system, in a throw-away folder on a Unix socket, with
its own settings for durability. Each side runs in a process of its own, by turns, and
the best of its rounds counts. "client" is the processor time of our process, "server"
that of PostgreSQL's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.store_sides import APP, fresh_request, load

ROOT = Path(__file__).resolve().parent.parent

WANTED = {
    "get": (1.4, 1.2),
    "put, 1 property": (2.6, 1.6),
    "iterate 1,000": (1.1, 1.0),
}
"""How many times SQLite's processor time it may be at most, and what is aimed at."""

LARGE = 10_000


def register(place: str) -> Any:
    """Put our services over a store behind the API proxy and return the datastore.

    Args:
        place: a folder for SQLite, or a URL of PostgreSQL.
    """
    from channelshim import appengine

    appengine.install()
    from google.appengine.api import apiproxy_stub_map

    from channelshim.services.datastore_v3 import DatastoreService
    from channelshim.services.datastore_v3.values import values_of_body

    store: Any
    if "://" in place:
        from channelshim.store.postgres.place import Place
        from channelshim.store.postgres.state import PostgresStore

        store = PostgresStore(Place(place, "bench"), values_of_body)
        store.entities.clear()
    else:
        from channelshim.store.sqlite.state import SqliteStore

        store = SqliteStore(Path(place), values_of_body)
    proxy = apiproxy_stub_map.APIProxyStubMap()
    proxy.ndb_memcache = False
    apiproxy_stub_map.apiproxy = proxy
    service = DatastoreService(store.entities, APP)
    proxy.RegisterStub("datastore_v3", service)
    return service


def least(repeats: int, function: Callable[[], object]) -> float:
    """Return the least processor time of several runs of all threads, in ms."""
    durations = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        durations.append(time.process_time() - start)
    return min(durations) * 1000


def measure(place: str, large: int) -> Mapping[str, float]:
    """Return milliseconds of ndb's everyday calls."""
    service = register(place)
    from google.appengine.ext import ndb

    class Small(ndb.Model):
        value = ndb.IntegerProperty()

    class Large(ndb.Model):
        value = ndb.IntegerProperty()

    load(service, "Small", 1000)
    load(service, "Large", large)

    def get() -> None:
        for number in range(200):
            fresh_request()
            Small.get_by_id(number + 1)

    def put() -> None:
        fresh_request()
        for number in range(200):
            Small(id=number + 1, value=number + int(time.time())).put()

    def put_many() -> None:
        fresh_request()
        now = time.time_ns()
        ndb.put_multi([Small(id=n + 1, value=now + n) for n in range(100)])

    def iterate() -> None:
        fresh_request()
        assert sum(1 for _ in Large.query().iter(limit=1000)) == 1000

    def find() -> None:
        for number in range(50):
            fresh_request()
            assert Large.query(Large.value == large // 2 + number).get() is not None

    def newest() -> None:
        for _ in range(20):
            fresh_request()
            assert len(Large.query().order(-Large.value).fetch(10)) == 10

    def change(key: Any) -> None:
        found = key.get()
        found.value += 1
        found.put()

    def transact() -> None:
        for number in range(50):
            fresh_request()
            key = ndb.Key(Small, number + 1)
            ndb.transaction(lambda key=key: change(key))

    return {
        "get": least(7, get) / 200,
        "put, 1 property": least(7, put) / 200,
        "put_multi of 100": least(7, put_many),
        "iterate 1,000": least(7, iterate),
        f"equality, 1 of {large:,}": least(7, find) / 50,
        f"order desc, 10 of {large:,}": least(7, newest) / 20,
        "transaction, get and put": least(7, transact) / 50,
    }


def run_side(place: str, large: int) -> dict[str, float]:
    """Measure a side in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.store_engines", "--side", place, str(large)],
        cwd=ROOT,
        env={**os.environ, "APPLICATION_ID": APP, "AUTH_DOMAIN": "gmail.com"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def compare(rounds: int, large: int) -> dict[str, dict[str, float]]:
    """Return the best figures of each engine."""
    from tests.postgres_server import PostgresServer

    server = PostgresServer(is_fast=False)
    best: dict[str, dict[str, float]] = {"sqlite": {}, "postgres": {}}
    try:
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                for engine, place in (("sqlite", folder), ("postgres", server.url())):
                    for name, value in run_side(place, large).items():
                        best[engine][name] = min(value, best[engine].get(name, value))
    finally:
        server.remove()
    return best


def report(best: Mapping[str, Mapping[str, float]]) -> bool:
    """Print the table; return whether the least that is wanted is reached."""
    is_reached = True
    print(f"{'client CPU, ms':28} {'SQLite':>8} {'PostgreSQL':>11} {'ratio':>6}  most")
    for name, sqlite in best["sqlite"].items():
        ratio = best["postgres"][name] / sqlite
        most, aim = WANTED.get(name, (0.0, 0.0))
        wanted = ""
        if most:
            wanted = f"{most} (aim {aim})" + ("" if ratio <= most else "  MISSED")
            is_reached = is_reached and ratio <= most
        figures = f"{sqlite:8.3f} {best['postgres'][name]:11.3f} {ratio:6.2f}"
        print(f"{name:28} {figures}  {wanted}")
    return is_reached


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round, less data")
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(measure(arguments.side[0], int(arguments.side[1]))))
        return 0
    large = 2000 if arguments.quick else LARGE
    best = compare(1 if arguments.quick else arguments.rounds, large)
    return 0 if report(best) else 1


if __name__ == "__main__":
    sys.exit(main())
