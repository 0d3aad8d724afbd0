"""The search service of the store and Google's stub, asked the same."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from google.appengine.api import apiproxy_stub_map, search
from google.appengine.api.search import simple_search_stub

from channelshim.services.search import SearchService
from channelshim.store.sqlite.search import SqliteSearchIndexes
from channelshim.store.sqlite.state import SqliteStore
from tests.store.backends import open_postgres, take_schema
from tests.store.dict_store import DictStore, Disk

WORDS = "red green blue house garden river stone Night l'eau Über naïve".split()


@contextmanager
def asked_of(stub: Any) -> Iterator[None]:
    """Have the SDK's functions ask this stub."""
    before = apiproxy_stub_map.apiproxy
    proxy = apiproxy_stub_map.APIProxyStubMap()
    proxy.RegisterStub("search", stub)
    apiproxy_stub_map.apiproxy = proxy
    try:
        yield
    finally:
        apiproxy_stub_map.apiproxy = before


def our_stub(directory: Path, kind: str = "fts5") -> SearchService:
    """Return the service over a new store: "fts5", "plain", "dict" or "postgres"."""
    if kind == "postgres":
        return SearchService(open_postgres(take_schema()).search, directory / "search")
    if kind == "dict":
        return SearchService(DictStore(Disk()).search, directory / "search")
    store = SqliteStore(directory, takes_lease=False)
    indexes = SqliteSearchIndexes(store.database, with_full_text=kind == "fts5")
    return SearchService(indexes, directory / "search")


def their_stub() -> Any:
    """Return Google's stub, in memory."""
    return simple_search_stub.SearchServiceStub()


def documents() -> list[search.Document]:
    """Return documents with fields of all types, some missing, some several times."""
    made = []
    for n in range(60):
        text = " ".join(WORDS[(n * k) % len(WORDS)] for k in (1, 2, 3, 5))
        fields: list[Any] = [
            search.TextField("title", text),
            search.TextField("body", f"{text}, and number {n}. See foo.bar @ 10%!"),
            search.AtomField("color", ["Red", "dark red", "blue", "o'neil: x"][n % 4]),
            search.NumberField("price", n * 2.5 - 10),
            search.DateField("day", datetime.date(2011, 1 + n % 12, 1 + n % 28)),
        ]
        if n % 3 == 0:
            fields.append(search.HtmlField("page", f"<p>{text}</p> <b>bold</b> end"))
            fields.append(search.GeoField("place", search.GeoPoint(n - 30, 3 * n - 90)))
        if n % 5 == 0:
            fields.append(search.TextField("title", "second title stone river"))
            fields.append(search.TokenizedPrefixField("begun", f"garden {text}"))
            fields.append(search.UntokenizedPrefixField("whole", f"Part {n} of it"))
        if n % 7 == 0:
            moment = datetime.datetime(2012, 2, 3, n % 24, 5)
            fields.append(search.DateField("moment", moment))
        if n % 11 == 0:
            # One name with fields of several kinds.
            fields.append(search.AtomField("mixed", "green house"))
            fields.append(search.TextField("mixed", f"river {n}"))
            fields.append(search.NumberField("mixed", n))
            fields.append(search.TokenizedPrefixField("mixed", "stone"))
        facets = [search.AtomFacet("kind", "abc"[n % 3]), search.NumberFacet("n", n)]
        rank = 1000 + n % 20
        made.append(search.Document(f"d{n:02d}", fields, "en", rank, facets))
    return made


def fill() -> None:
    """Put the documents, change some, and delete some."""
    index = search.Index("things")
    every = documents()
    index.put(every)
    index.put(search.Document("gone", [search.TextField("title", "red red gone")]))
    changed = [search.TextField("title", "changed red")]
    index.put(search.Document("d07", changed, rank=3))
    index.put(search.Document("d08", every[8].fields, rank=99999))
    index.delete(["gone", "d13", "never"])
    index.put(search.Document("d13", every[13].fields, rank=1005))
    search.Index("things", namespace="other").put(
        search.Document("d00", [search.TextField("title", "red other")], rank=1)
    )
    search.Index("empty").put(search.Document("x", [search.TextField("t", "x")]))
    search.Index("empty").delete("x")


def plain(value: Any) -> Any:
    """Return an answer of the API in a form that can be compared and read."""
    if isinstance(value, search.SearchResults):
        return {
            "found": value.number_found,
            "results": [plain(each) for each in value.results],
            "cursor": value.cursor and value.cursor.web_safe_string,
            "facets": [plain(each) for each in value.facets],
        }
    if isinstance(value, search.ScoredDocument):
        scores = [round(each, 9) for each in value.sort_scores]
        cursor = value.cursor and value.cursor.web_safe_string
        expressions = sorted((e.name, repr(e.value)) for e in value.expressions)
        return (*_document(value), scores, cursor, expressions)
    if isinstance(value, search.Document):
        return _document(value)
    if isinstance(value, search.FacetResult):
        values = [(v.label, v.count, v.refinement_token) for v in value.values]
        return value.name, values
    if isinstance(value, search.Index):
        schema = value.schema and {k: sorted(v) for k, v in value.schema.items()}
        return value.namespace, value.name, schema, value.storage_usage
    if isinstance(value, (list, search.GetResponse)):
        return [plain(each) for each in value]
    return value


def _document(value: search.Document) -> tuple[Any, ...]:
    fields = [(f.name, type(f).__name__, repr(f.value)) for f in value.fields]
    return value.doc_id, value.rank, value.language, fields


def answer(stub: Any, ask: Callable[[], Any]) -> Any:
    """Return what the stub answers, or its error."""
    with asked_of(stub):
        try:
            return plain(ask())
        except (search.Error, ValueError) as error:
            return f"{type(error).__name__}: {error}"
