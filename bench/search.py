"""The search service over many documents: how long queries take.

    python -m bench.search [--documents 100000] [--rounds 5] [--plain]

Each query is asked through the SDK's own functions, 20 results at a time; the figures
are of all calls together, and of each query. `--plain` is for SQLites without FTS5.
"""

from __future__ import annotations

import argparse
import datetime
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.appengine.api import apiproxy_stub_map, search

from channelshim.services.search import SearchService
from channelshim.store.sqlite.search import SqliteSearchIndexes
from channelshim.store.sqlite.state import SqliteStore

_WORDS = 20_000
"""Different words; how often they come follows Zipf, as in people's texts."""
_PUT_AT_ONCE = 200

QUERIES: dict[str, Callable[[], Any]] = {
    "rare word": lambda: _ask("w9000"),
    "usual word": lambda: _ask("w100"),
    "word of a quarter": lambda: _ask("w2"),
    "two words": lambda: _ask("w20 w30"),
    "either word": lambda: _ask("w500 OR w700 OR w900"),
    "phrase": lambda: _ask('"w3 w5"'),
    "longer phrase": lambda: _ask('"w3 w5 w4"'),
    "word in a field": lambda: _ask("title:w40"),
    "phrase in a field": lambda: _ask('title:"w3 w9"'),
    "without a word": lambda: _ask("w50 -w2"),
    "atom": lambda: _ask("color:blue w7"),
    "stem": lambda: _ask("~w300"),
    "number": lambda: _ask("price:500"),
    "range": lambda: _ask("price > 500 price < 520"),
    "wide range and word": lambda: _ask("w60 price > 200"),
    "days": lambda: _ask("day >= 2011-03-01 day < 2011-03-08"),
    "near": lambda: _ask("distance(place, geopoint(48.2, 11.5)) < 30000"),
    "prefix": lambda: _ask("begun:w12"),
    "sorted by a number": lambda: _ask("w100", [_by("price")]),
    "sorted by a text": lambda: _ask("w200", [_by("title")]),
    "sorted by distance": lambda: _ask(
        "w3000", [_by("distance(place, geopoint(48.2, 11.5))")]
    ),
    "page 10": lambda: _ask("w20", offset=200),
    "ids only": lambda: _ask("w20", ids_only=True),
    "snippets": lambda: _ask("w900", snippeted_fields=["body"]),
    "scored": lambda: _ask("w800", scored=True),
    "facets": lambda: _ask("w400", facets=True),
    "everything": lambda: _ask(""),
}


def _ask(
    query: str,
    sorts: Any = (),
    scored: bool = False,
    facets: bool = False,
    **options: Any,
) -> Any:
    if sorts or scored:
        scorer = search.MatchScorer() if scored else None
        options["sort_options"] = search.SortOptions(list(sorts), scorer)
    asked = search.QueryOptions(limit=20, **options)
    return search.Index("bench").search(
        search.Query(query, options=asked, enable_facet_discovery=bool(facets))
    )


def _by(expression: str) -> Any:
    return search.SortExpression(expression, search.SortExpression.ASCENDING, 0)


def documents(count: int) -> Any:
    """Yield documents with a title, a body and some of every other kind of field."""
    randomly = random.Random(1)
    weights = [1 / (n + 1) for n in range(_WORDS)]
    words = [f"w{n}" for n in range(_WORDS)]
    for n in range(count):
        text = randomly.choices(words, weights, k=30)
        day = datetime.date(2011, 1, 1) + datetime.timedelta(randomly.randrange(730))
        place = search.GeoPoint(randomly.uniform(-60, 70), randomly.uniform(-180, 180))
        fields = [
            search.TextField("title", " ".join(text[:5])),
            search.TextField("body", " ".join(text[5:])),
            search.AtomField("color", randomly.choice(["red", "green", "blue"])),
            search.NumberField("price", randomly.randrange(1000)),
            search.DateField("day", day),
            search.GeoField("place", place),
            search.TokenizedPrefixField("begun", " ".join(text[:2])),
        ]
        facets = [search.AtomFacet("kind", randomly.choice("abcdef"))]
        rank = randomly.randrange(n + 1)
        yield search.Document(f"d{n}", fields, facets=facets, rank=rank)


def fill(count: int) -> float:
    """Put the documents; return the seconds."""
    index = search.Index("bench")
    begun = time.perf_counter()
    batch = []
    for document in documents(count):
        batch.append(document)
        if len(batch) == _PUT_AT_ONCE:
            index.put(batch)
            batch = []
    if batch:
        index.put(batch)
    return time.perf_counter() - begun


def measure(rounds: int) -> dict[str, list[float]]:
    """Return, for each query, the milliseconds of each call."""
    taken: dict[str, list[float]] = {name: [] for name in QUERIES}
    for _ in range(rounds):
        for name, ask in QUERIES.items():
            begun = time.perf_counter()
            ask()
            taken[name].append((time.perf_counter() - begun) * 1000)
    return taken


def report(taken: dict[str, list[float]], found: dict[str, int]) -> str:
    """Return a table of all queries, and the figures of all together."""
    lines = [f"{'query':22} {'found':>7} {'median ms':>10} {'worst ms':>9}"]
    for name, times in taken.items():
        middle, worst = statistics.median(times), max(times)
        lines.append(f"{name:22} {found[name]:7} {middle:10.2f} {worst:9.2f}")
    every = sorted(each for times in taken.values() for each in times)
    p95 = every[int(len(every) * 0.95)]
    lines.append(f"p50 {statistics.median(every):.2f} ms, p95 {p95:.2f} ms")
    return "\n".join(lines)


def main() -> None:
    """Fill a new store and ask it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder))
        indexes = SqliteSearchIndexes(store.database, with_full_text=not options.plain)
        proxy = apiproxy_stub_map.APIProxyStubMap()
        proxy.RegisterStub("search", SearchService(indexes, Path(folder) / "search"))
        apiproxy_stub_map.apiproxy = proxy
        seconds = fill(options.documents)
        size = store.database.path.stat().st_size
        found = {name: ask().number_found for name, ask in QUERIES.items()}
        taken = measure(options.rounds)
        store.close()
    each = seconds / options.documents * 1000
    sys.stdout.write(
        f"{options.documents} documents put in {seconds:.1f} s ({each:.2f} ms each), "
        f"{size / 1e6:.0f} MB\n{report(taken, found)}\n"
    )


if __name__ == "__main__":
    main()
