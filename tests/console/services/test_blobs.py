"""The pages of blobs, by what a person does on them."""

from __future__ import annotations

import io
from datetime import datetime

from channelshim.services.blobstore import store_blob
from tests.console.services.conftest import HOSTILE, Visitor, in_app


def store(
    visitor: Visitor, data: bytes, kind: str = "text/html", name: str = "a.html"
) -> str:
    del visitor
    made = in_app(store_blob, io.BytesIO(data), kind, name, datetime(2012, 1, 1))
    key: str = made.key
    return key


def test_blobs_are_listed_and_shown(visitor: Visitor) -> None:
    assert "no blob" in visitor.get("/blobs").text
    key = store(visitor, b"<script>x</script>", HOSTILE, HOSTILE)
    visitor.get("/blobs")
    (row,) = visitor.json("/blobs")["blobs"]["rows"]
    assert (row["key"], row["filename"], row["size"]) == (key, HOSTILE, 18)
    assert row["created_at"] == 1325376000.0
    assert row["md5"] in visitor.get(f"/blobs?key={key}").text
    visitor.get("/blobs?key=absent", status=404)


def test_blob_is_saved_and_never_a_page_of_ours(visitor: Visitor) -> None:
    data = b"<script>alert(1)</script>" + bytes(range(256)) * 1000
    key = store(visitor, data, name='../we\u00efrd";\r\n.html')
    answer = visitor.site.get(f"/blobs/file?key={key}")
    assert answer.body == data
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    svg = store(visitor, b"<svg onload='alert(1)'/>", "image/svg+xml", "a.svg")
    assert (
        visitor.site.get(f"/blobs/file?key={svg}").content_type
        == "application/octet-stream"
    )
    visitor.get("/blobs/file?key=absent", status=404)


def test_image_is_shown_as_an_image(visitor: Visitor) -> None:
    key = store(visitor, b"\x89PNG\r\n\x1a\n", "image/png", "a.png")
    page = visitor.get(f"/blobs?key={key}")
    answer = visitor.site.get(page.html.find("img")["src"])
    assert answer.content_type == "image/png"
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_chosen_blobs_are_deleted(visitor: Visitor) -> None:
    made = [store(visitor, b"x") for _ in range(3)]
    pairs = [("key", made[0]), ("key", made[1]), ("key", "absent")]
    assert visitor.do("/blobs", "delete", pairs) == "Deleted: 2 of 3."
    assert [row["key"] for row in visitor.json("/blobs")["blobs"]["rows"]] == [made[2]]
    assert "Choose" in visitor.refuse("/blobs", "delete")


def test_blob_whose_file_is_gone_breaks_no_page(visitor: Visitor) -> None:
    key = store(visitor, b"x")
    for path in (visitor.folder / "blobs").rglob("*"):
        if path.is_file():
            path.unlink()
    visitor.get(f"/blobs?key={key}")
    visitor.get(f"/blobs/file?key={key}", status=404)


def test_many_blobs_are_paged(visitor: Visitor) -> None:
    made = {store(visitor, b"x") for _ in range(12)}
    seen = []
    for offset in (0, 5, 10):
        part = visitor.json(f"/blobs?limit=5&offset={offset}")["blobs"]
        seen += [row["key"] for row in part["rows"]]
        assert part["has_more"] == (offset < 10)
    assert len(seen) == 12
    assert set(seen) == made
