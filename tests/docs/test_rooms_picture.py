"""The picture of the rooms shows the imports, no more and no less."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import pytest

from scripts.rooms_picture import Edge, edges_of, name_of, reachable, reduced
from tests.lanes import ROOT
from tests.test_architecture import FLOORS, PACKAGE

PICTURE = ROOT / "docs" / "explanation" / "img" / "rooms.svg"

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def svg() -> ET.Element:
    """Return the root of the picture."""
    return ET.fromstring(PICTURE.read_text("utf-8"))


def _lines(svg: ET.Element) -> set[Edge]:
    titles = (path.findtext(f"{SVG}title", "") for path in svg.iter(f"{SVG}path"))
    pairs = (title.split(" imports ") for title in titles)
    return {(above, below) for above, below in pairs}


def test_every_room_is_in_the_picture_on_its_floor(svg: ET.Element) -> None:
    texts = {
        element.text: float(element.get("y", "0"))
        for element in svg.iter(f"{SVG}text")
        if element.get("class") is None
    }
    heights = [{texts[name_of(room)] for room in floor} for floor in FLOORS]
    assert len(texts) == sum(map(len, FLOORS))
    assert all(len(height) == 1 for height in heights)
    ordered = [height.pop() for height in heights]
    assert ordered == sorted(ordered, reverse=True)


def test_every_line_is_an_import(svg: ET.Element) -> None:
    assert _lines(svg) <= edges_of(ROOT / PACKAGE)


def test_every_import_is_a_line_or_follows_from_lines(svg: ET.Element) -> None:
    assert edges_of(ROOT / PACKAGE) <= reachable(_lines(svg))


def test_what_follows_from_other_lines_is_left_out() -> None:
    edges = {("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"), ("a", "d"), ("a", "e")}
    assert reduced(edges) == {("a", "b"), ("b", "c"), ("c", "d"), ("a", "e")}
    assert reachable(reduced(edges)) == reachable(edges)


def test_boxes_neither_overlap_nor_leave_the_picture(svg: ET.Element) -> None:
    width = float(svg.get("viewBox", "").split()[2])
    rows: dict[str, list[tuple[float, float]]] = {}
    for box in svg.iter(f"{SVG}rect"):
        if box.get("class") != "paper":
            left, size = float(box.get("x", "0")), float(box.get("width", "0"))
            rows.setdefault(box.get("y", ""), []).append((left, left + size))
    for row in rows.values():
        row.sort()
        assert row[0][0] >= 0
        assert row[-1][1] <= width
        assert all(a[1] < b[0] for a, b in itertools.pairwise(row))
