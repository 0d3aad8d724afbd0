"""Search answers as Google's stub does, which is asked beside it."""

from __future__ import annotations

import logging
import os
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.appengine.api import search
from google.appengine.api.search import query_parser, simple_search_stub

from channelshim.contracts.search import Everything
from channelshim.services.search import SearchService
from channelshim.services.search_plans import plan
from channelshim.store.sqlite.state import SqliteStore
from tests.services import search_sides as sides
from tests.store.backends import POSTGRES

QUERIES = r"""
red
RED
red house
"red house"
"house red"
"second title"
"second title stone"
"title second"
red OR garden
red AND garden
NOT red
-red
red -house
red NOT house
(red OR blue) garden
(red OR blue) AND NOT (garden OR stone)
title:red
title:(red house)
title:(red OR house)
title:"red green"
title:"second title stone river"
body:"and number 7"
body:number
title:RED
Title:red
nothing
nothing:red
color:red
color:Red
color:"dark red"
color:dark
color:"o'neil: x"
color:(red OR blue)
"dark red"
dark red
color=blue
NOT color:blue
über
uber
naive
naïve
l'eau
night
number 7
foo.bar
"foo.bar"
title:foo.bar
10%
price:0
price=0
price = 2.5
price:-10
price < 0
price <= 0
price > 100
price >= 137.5
price > 10 price < 20
price > 10 AND price < 20
price > 1000
price < abc
price > 10 OR color:red
NOT price > 10
price != 3
0
2.5
day:2011-03-03
day = 2011-3-3
day < 2011-03-01
day >= 2011-11-01
day > 2011-05-01 day < 2011-07-01
day < 2011-03
day:2011-03
2011-03-03
moment >= 2012-02-03
moment > 2012-02-03
moment:2012-02-03
page:bold
page:"bold end"
page:"red green"
page:p
"bold end"
begun:gar
begun:garden
begun:"garden red"
begun:gard
whole:part
whole:"Part 5"
whole:"art"
gard
mixed:green
mixed:"green house"
mixed:river
mixed:st
mixed:11
mixed > 20
river mixed:22
~red
title:~red
title:~houses
~houses
distance(place, geopoint(0, 0)) < 1000000
distance(place, geopoint(0, 0)) < 5000000
distance(place, geopoint(0, 0)) <= 20000
distance(place, geopoint(-30, -90)) < 100
distance(place, geopoint(0, 0)) > 5000000
distance(place, geopoint(80, 179)) < 9000000
distance(geopoint(0, 0), place) < 2000000
distance(place, geopoint(0, 0)) = 5
distance(nowhere, geopoint(0, 0)) < 5000000
distance(title, geopoint(0, 0)) < 5000000
red distance(place, geopoint(0, 0)) < 3000000
unknown(place) < 5
title:(red
"red
AND
red AND
()
""
title:""
color:""
title:(NOT red)
title:(red AND (house OR garden))
title:red OR title:house color:blue
5:red
2011-01-01:red
title > red
title < 5
color > 5
place:5
"second title" OR (price > 100 -red)
second title stone river
changed red
%72ed
""".strip().splitlines()

OPTIONS: dict[str, Callable[[], Any]] = {
    "limit": lambda: _ask("red", limit=3),
    "offset": lambda: _ask("red", limit=3, offset=2),
    "offset behind": lambda: _ask("red", limit=3, offset=900),
    "ids": lambda: _ask("red", ids_only=True),
    "fields": lambda: _ask("red", returned_fields=["title", "price"]),
    "snippets": lambda: _ask("stone", snippeted_fields=["body", "title"]),
    "snippet of a number": lambda: _ask("stone", snippeted_fields=["price"]),
    "expressions": lambda: _ask(
        "stone",
        returned_expressions=[
            search.FieldExpression("twice", "price * 2 + 1"),
            search.FieldExpression("far", "distance(place, geopoint(1, 2))"),
            search.FieldExpression("most", "max(price, 3)"),
            search.FieldExpression("text", "title"),
            search.FieldExpression("times", "count(title)"),
            search.FieldExpression("cut", 'snippet("stone", body)'),
            search.FieldExpression("rank", "_rank"),
        ],
    ),
    "empty": lambda: _ask(""),
    "sorted by a number": lambda: _ask("red", [_by("price", True)]),
    "sorted upwards": lambda: _ask("red", [_by("price", False)]),
    "sorted by default": lambda: _ask("", [_by("mixed", False, 7.5)]),
    "sorted by text": lambda: _ask("", [_by("color", False), _by("title", True)]),
    "sorted by default text": lambda: _ask("", [_by("page", False, "m")]),
    "sorted by day": lambda: _ask("", [_by("day", False), _by("price", True)]),
    "sorted by moment": lambda: _ask("", [_by("moment", False)]),
    "sorted by default day": lambda: _ask("", [_by("moment", True, "2012-02-03")]),
    "sorted by bad day": lambda: _ask("", [_by("moment", True, "soon")]),
    "sorted by expression": lambda: _ask("red", [_by("abs(price - 20)", False, 0)]),
    "sorted by distance": lambda: _ask(
        "red", [_by("distance(place, geopoint(2, 3))", False, 1e9)]
    ),
    "sorted by rank": lambda: _ask("red", [_by("_rank", True)]),
    "sorted by rank upwards": lambda: _ask("red", [_by("_rank", False)]),
    "sorted by what is not there": lambda: _ask("red", [_by("none", True, 1)]),
    "sorted, paged": lambda: _ask("", [_by("price", True)], limit=7, offset=9),
    "sorted and inexact": lambda: _ask('title:"red green"', [_by("price", True)]),
    "counted sort": lambda: _ask("red", [_by("count(title)", True, 0)]),
    "scored": lambda: _scored("stone"),
    "scored more": lambda: _scored("river"),
    "scored by two": lambda: _scored("stone OR river"),
    "scored by an atom": lambda: _scored("color:blue"),
    "scored phrase": lambda: _scored('"second title"'),
    "facets": lambda: _facets("red", enable_facet_discovery=True),
    "facets of all": lambda: _facets(
        "",
        enable_facet_discovery=True,
        facet_options=search.FacetOptions(depth=10),
    ),
    "facets asked for": lambda: _facets(
        "", return_facets=["kind", search.FacetRequest("n", value_limit=2)]
    ),
    "facet values": lambda: _facets(
        "", return_facets=[search.FacetRequest("kind", values=["a", "z"])]
    ),
    "refined": lambda: _facets("red", facet_refinements=[_refine("kind", "a")]),
    "refined twice": lambda: _facets(
        "red", facet_refinements=[_refine("kind", "a"), _refine("kind", "b")]
    ),
    "refined by number": lambda: _facets("", facet_refinements=[_refine("n", "12")]),
    "refined by range": lambda: _facets(
        "",
        facet_refinements=[
            search.FacetRefinement("n", facet_range=search.FacetRange(start=10, end=20))
        ],
    ),
    "cursors": lambda: _pages("red", search.Cursor()),
    "cursor for each": lambda: _pages("red", search.Cursor(per_result=True)),
    "cursors, sorted": lambda: _pages("", search.Cursor(), [_by("price", False)]),
    "cursors, inexact": lambda: _pages('title:"red green"', search.Cursor()),
    "cursor of another query": lambda: _ask(
        "blue", cursor=_ask("red", limit=1, cursor=search.Cursor()).cursor
    ),
    "bad cursor": lambda: _ask("red", cursor=search.Cursor("False:abcd")),
    "get": lambda: search.Index("things").get("d13"),
    "get nothing": lambda: search.Index("things").get("never"),
    "range": lambda: search.Index("things").get_range(limit=5),
    "range from": lambda: search.Index("things").get_range("d5", limit=100),
    "range after": lambda: search.Index("things").get_range(
        "d20", include_start_object=False, limit=3
    ),
    "range of ids": lambda: search.Index("things").get_range(ids_only=True),
    "range of nothing": lambda: search.Index("nowhere").get_range(),
    "indexes": lambda: search.get_indexes(fetch_schema=True),
    "indexes of a namespace": lambda: search.get_indexes("other", fetch_schema=True),
    "indexes by prefix": lambda: search.get_indexes(index_name_prefix="th"),
    "indexes from": lambda: search.get_indexes(start_index_name="f", limit=1),
    "other namespace": lambda: search.Index("things", "other").search("red"),
    "no index": lambda: search.Index("nowhere").search("red"),
    "empty index": lambda: search.Index("empty").search("x"),
}


def _ask(query: str, sorts: Any = (), limit: int = 100, **options: Any) -> Any:
    if sorts:
        options["sort_options"] = search.SortOptions(list(sorts))
    asked = search.QueryOptions(limit=limit, **options)
    return search.Index("things").search(search.Query(query, options=asked))


def _by(expression: str, is_descending: bool, default: Any = None) -> Any:
    direction = search.SortExpression.ASCENDING
    if is_descending:
        direction = search.SortExpression.DESCENDING
    return search.SortExpression(expression, direction, default)


def _scored(query: str) -> Any:
    sorts = search.SortOptions(match_scorer=search.MatchScorer())
    options = search.QueryOptions(limit=100, sort_options=sorts)
    return search.Index("things").search(search.Query(query, options=options))


def _facets(query: str, **asked: Any) -> Any:
    return search.Index("things").search(search.Query(query, **asked))


def _refine(name: str, value: str) -> Any:
    return search.FacetRefinement(name, value=value)


def _pages(query: str, cursor: Any, sorts: Any = ()) -> Any:
    pages = []
    for _ in range(4):
        page = _ask(query, sorts, limit=4, cursor=cursor)
        pages.append(page)
        cursor = page.results[1].cursor if cursor.per_result else page.cursor
        if cursor is None:
            break
    return pages


@pytest.fixture(scope="module")
def theirs() -> Any:
    stub = sides.their_stub()
    with sides.asked_of(stub):
        sides.fill()
    return stub


@pytest.fixture(scope="module", params=["fts5", "plain", "dict", POSTGRES])
def ours(request: Any, tmp_path_factory: Any) -> Any:
    stub = sides.our_stub(tmp_path_factory.mktemp("search"), request.param)
    with sides.asked_of(stub):
        sides.fill()
    return stub


@pytest.mark.parametrize("query", QUERIES)
def test_query_finds_what_the_stub_finds(ours: Any, theirs: Any, query: str) -> None:
    def ask() -> Any:
        return _ask(query)

    assert sides.answer(ours, ask) == sides.answer(theirs, ask)


@pytest.mark.parametrize("name", OPTIONS)
def test_option_means_what_it_means_to_the_stub(
    ours: Any, theirs: Any, name: str
) -> None:
    assert sides.answer(ours, OPTIONS[name]) == sides.answer(theirs, OPTIONS[name])


def test_queries_put_together_find_the_same(ours: Any, theirs: Any) -> None:
    """The enclosure of services/search_plans.py, explored."""
    randomly = random.Random(7)
    parts = [query for query in QUERIES if '"' not in query or query.count('"') == 2]
    for _ in range(200):
        chosen = [f"({randomly.choice(parts)})" for _ in range(randomly.randint(2, 9))]
        query = chosen[0]
        for each in chosen[1:]:
            word = randomly.choice([" AND ", " OR ", " ", " AND NOT "])
            query = f"{query}{word}{each}"
            if randomly.random() < 0.5:
                query = f"({query})"

        def ask(query: str = query) -> Any:
            return _ask(query, ids_only=True)

        assert sides.answer(ours, ask) == sides.answer(theirs, ask), query


def test_forgotten_schema_is_made_again(tmp_path: Path) -> None:
    def use() -> Any:
        index = search.Index("i")
        index.put(search.Document("a", [search.TextField("t", "x")]))
        index.delete_schema()
        before = search.get_indexes(fetch_schema=True)
        index.put(search.Document("b", [search.AtomField("u", "x")]))
        return plain_all(before, search.get_indexes(fetch_schema=True))

    def plain_all(*answers: Any) -> Any:
        return [sides.plain(each) for each in answers]

    ours, theirs = sides.our_stub(tmp_path), sides.their_stub()
    assert sides.answer(ours, use) == sides.answer(theirs, use)


def test_most_queries_need_no_look_at_documents() -> None:
    """Else the enclosure would be right, and of no use."""
    parse = query_parser.ParseAndSimplify
    planned = [plan(parse(query)) for query in ("red", '"red house"', "price > 5 red")]
    planned += [plan(parse(query)) for query in ("NOT color:red", "day:2011-03-03")]
    assert all(bounds.possible != Everything() for bounds in planned)
    for bounds in (planned[0], *planned[2:]):
        assert bounds.possible == bounds.sure


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """An index file as channelshim wrote it when it kept Google's stub."""
    path = tmp_path / "search"
    stub = simple_search_stub.SearchServiceStub(index_file=str(path))
    with sides.asked_of(stub):
        sides.fill()
    stub.Write()
    return path


def test_old_file_is_read_in_once(old_file: Path, theirs: Any, caplog: Any) -> None:
    ours = sides.our_stub(old_file.parent)
    for name in ("indexes", "sorted by text", "other namespace", "facets", "empty"):
        assert sides.answer(ours, OPTIONS[name]) == sides.answer(theirs, OPTIONS[name])
    assert not old_file.exists()
    with sides.asked_of(ours):
        search.Index("things").delete(["d01"])
    again = sides.our_stub(old_file.parent)
    assert sides.answer(again, lambda: search.Index("things").get("d01")) is None
    ours_said = [each for each in caplog.records if each.name.startswith("channelshim")]
    assert not [each for each in ours_said if each.levelno >= logging.WARNING]


class _Trap:
    def __reduce__(self) -> Any:
        return os.mkdir, (str(_Trap.path),)

    path = Path("never")


@pytest.mark.parametrize("kind", ["trap", "damaged", "version", "empty"])
def test_old_file_that_is_no_index_is_put_aside(
    tmp_path: Path, kind: str, caplog: Any
) -> None:
    _Trap.path = tmp_path / "trapped"
    data = {
        "trap": pickle.dumps((1, _Trap())),
        "damaged": b"\x80\x04 not a pickle",
        "version": pickle.dumps((2, {})),
        "empty": b"",
    }[kind]
    (tmp_path / "search").write_bytes(data)
    ours = sides.our_stub(tmp_path)
    assert sides.answer(ours, search.get_indexes) == []
    assert not _Trap.path.exists()
    assert (tmp_path / "search.imported").read_bytes() == data
    (warning,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert "put the documents again" in warning.getMessage()


def test_first_use_says_nothing(tmp_path: Path, caplog: Any) -> None:
    sides.our_stub(tmp_path)
    assert not caplog.records


@pytest.mark.parametrize("kinds", [("fts5", "plain"), ("plain", "fts5")])
def test_store_goes_over_to_what_sqlite_has(
    tmp_path: Path, theirs: Any, kinds: tuple[str, str]
) -> None:
    before = sides.our_stub(tmp_path, kinds[0])
    with sides.asked_of(before):
        sides.fill()
    after = sides.our_stub(tmp_path, kinds[1])
    for query in ("red", "begun:gar", "price > 10 color:red", "NOT red"):

        def ask(query: str = query) -> Any:
            return _ask(query)

        assert sides.answer(after, ask) == sides.answer(theirs, ask)
    with sides.asked_of(after):
        search.Index("things").delete("d00")
        found = search.Index("things").search("d00 OR red")
    assert "d00" not in [each.doc_id for each in found]


def test_put_that_nobody_waits_for_is_made(tmp_path: Path) -> None:
    def use() -> Any:
        search.Index("i").put_async(search.Document("a", [search.TextField("t", "x")]))
        return search.Index("i").search("x")

    assert sides.answer(sides.our_stub(tmp_path), use)["found"] == 1


def test_refusal_of_the_store_is_an_error_of_search(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, takes_lease=False)
    ours = SearchService(store.search, tmp_path / "search")
    store.close()
    said = sides.answer(ours, lambda: search.Index("i").search("x"))
    assert said.startswith("TransientError: the store")
