"""Ranges of facets have labels again."""

from __future__ import annotations

from pathlib import Path

from channelshim.cli.testing import install

install(python27=False)

from google.appengine.api import search  # noqa: E402

from tests.services import search_sides as sides  # noqa: E402


def test_ranges_of_facets_need_no_names(tmp_path: Path) -> None:
    # The stub of the Python 3 SDK fails here; SDK 1.9.88 answers this.
    ranges = [
        search.FacetRange(start=0, end=5),
        search.FacetRange(start=5),
        search.FacetRange(end=1),
    ]
    request = search.FacetRequest("n", ranges=ranges)

    def use() -> list[tuple[str, int]]:
        index = search.Index("f")
        for n in range(7):
            fields, facets = [search.TextField("t", "x")], [search.NumberFacet("n", n)]
            index.put(search.Document(f"d{n}", fields, facets=facets))
        found = index.search(search.Query("", return_facets=[request]))
        return [(value.label, value.count) for value in found.facets[0].values]

    expected = [("[0.0,5.0)", 5), ("[5.0,Infinity)", 2), ("[-Infinity,1.0)", 1)]
    assert sides.answer(sides.our_stub(tmp_path), use) == expected
