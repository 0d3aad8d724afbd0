"""The pages of the search service, by what a person does on them."""

from __future__ import annotations

import datetime

import pytest
from google.appengine.api import search

from tests.console.services.conftest import HOSTILE, Visitor


def put(count: int, namespace: str = "", **fields: object) -> None:
    index = search.Index("notes", namespace=namespace)
    documents = [
        search.Document(
            f"d{number:03}",
            fields=[
                search.TextField("title", f"hello {number}"),
                search.NumberField("price", number),
            ],
            facets=[search.AtomFacet("kind", "k")],
        )
        for number in range(count)
    ]
    for start in range(0, count, 200):
        index.put(documents[start : start + 200])


def test_indexes_are_listed_by_namespace(visitor: Visitor) -> None:
    assert "no document" in visitor.get("/search").text
    put(2)
    put(1, "other")
    visitor.get("/search")
    rows = visitor.json("/search")["indexes"]
    assert [(row["namespace"], row["name"], row["documents"]) for row in rows] == [
        ("", "notes", 2),
        ("other", "notes", 1),
    ]
    assert rows[0]["fields"] == ["kind", "price", "title"] or rows[0]["fields"] == [
        "price",
        "title",
    ]


def test_query_is_tried(visitor: Visitor) -> None:
    put(30)
    where = "/search/index?name=notes&namespace="
    found = visitor.json(f"{where}&query=title:hello+price+%3C+25")["found"]
    assert (found["total"], len(found["documents"]), found["has_more"]) == (
        25,
        20,
        True,
    )
    page = visitor.get(f"{where}&query=hello")
    again = visitor.get("/search/index" + page.html.find("a", rel="next")["href"])
    assert len(again.html.find_all("input", attrs={"name": "document"})) == 10
    for wrong in ('"', "a:(", "AND", "price < x <"):
        visitor.site.get(
            "/search/index", params={"name": "notes", "query": wrong}, status="*"
        )
    visitor.get("/search/index?name=notes&query=%22", status=400)


def test_documents_are_paged(visitor: Visitor) -> None:
    put(45)
    seen: list[str] = []
    where = "/search/index?name=notes&namespace="
    while where:
        page = visitor.get(where)
        seen += [
            box["value"]
            for box in page.html.find_all("input", attrs={"name": "document"})
        ]
        link = page.html.find("a", rel="next")
        where = f"/search/index{link['href']}" if link else ""
    assert seen == [f"d{number:03}" for number in range(45)]


def test_chosen_documents_are_deleted(visitor: Visitor) -> None:
    put(3)
    pairs = [("document", "d000"), ("document", "d002")]
    assert visitor.do("/search/index?name=notes", "delete", pairs) == "Deleted: 2."
    found = visitor.json("/search/index?name=notes")["found"]["documents"]
    assert [each["document_id"] for each in found] == ["d001"]
    visitor.refuse("/search/index?name=notes", "delete")


def test_all_kinds_of_fields_are_shown(visitor: Visitor) -> None:
    index = search.Index("notes")
    index.put(
        search.Document(
            "one",
            language="de",
            fields=[
                search.TextField("text", HOSTILE),
                search.HtmlField("html", "<script>alert(1)</script>"),
                search.AtomField("atom", "\x00 a"),
                search.DateField("date", datetime.datetime(2012, 1, 31)),
                search.NumberField("number", -1.5),
                search.GeoField("place", search.GeoPoint(1.5, 2)),
                search.TextField("text", None),
            ],
        )
    )
    visitor.get("/search/index?name=notes")
    (document,) = visitor.json("/search/index?name=notes")["found"]["documents"]
    shown = [(each["type"], each["value"]) for each in document["fields"]]
    assert ("Geo", "1.5, 2.0") in shown or ("Geo", "1.5, 2") in shown
    assert ("Html", "<script>alert(1)</script>") in shown
    assert document["language"] == "de"


@pytest.mark.parametrize("name", ["", "!bad", "x" * 500, "\u00e9", HOSTILE])
def test_wrong_index_is_refused(visitor: Visitor, name: str) -> None:
    visitor.get("/search/index", params={"name": name}, status=400)
