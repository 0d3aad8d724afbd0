"""One app of its time on our server and on the original one: the same answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.sites import Answer, Original, Site
from tests.servers import Servers

APP = Path(__file__).parent / "legacy_app"
PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde"
    b"\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\3\1\1\0\xc9\xfe\x92\xef"
    b"\0\0\0\0IEND\xaeB`\x82"
)


@pytest.fixture(
    scope="module",
    params=["shim", pytest.param("original", marks=pytest.mark.original)],
)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    storage = tmp_path_factory.mktemp("storage")
    if request.param == "original":
        original = Original(APP, storage)
        yield Site("original", original.port, original.output)
        original.stop()
    else:
        servers = Servers(lambda: storage)
        server = servers(APP)
        yield Site("shim", server.port, lambda: server.output)
        servers.stop()


def post_file(site: Site, data: bytes, kind: str = "text/plain", form: str = "") -> Any:
    path = "/" + site.ask("/form" + form).body.decode()
    body = (
        b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nh\xc3\xa9\r\n'
        b'--b\r\nContent-Disposition: form-data; name="none"; filename=""\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\r\n"
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + data + b"\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = site.ask(path, body=body, headers=headers)
    return answer, path, body


def upload(site: Site, data: bytes, kind: str = "text/plain") -> str:
    (key,) = post_file(site, data, kind)[0].json["keys"]
    return str(key)


def test_upload_tells_the_app_the_same(site: Site) -> None:
    answer, path, body = post_file(site, b"0123456789", "text/x; charset=utf-8")
    said = answer.json
    assert said.pop("keys")
    # The content types differ in their quotes.
    for facts in said["facts"]:
        facts[1] = facts[1].replace('"', "")
    hash_ = "781e5e245d69b566979b86e28d23f2c7"
    assert said == {
        "facts": [["a.txt", "text/x; charset=utf-8", 10]] * 2,
        "hashes": [hash_],
        "file_hashes": [hash_],
        "text": ["h\u00e9"],
        "fields": ["file", "text"],
        "query": "from=form",
        "method": "POST",
        "type": "multipart/form-data",
    }
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert site.ask(path, body=body, headers=headers).status == 404


def test_address_of_an_upload_tells_nothing(site: Site) -> None:
    token = site.ask("/form").body.decode().rpartition("/")[2]
    padded = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    # The original's is the key of an entity, whose number can be guessed.
    assert (b"__BlobUploadSession__" in padded) is site.is_original


def test_upload_that_a_visitor_makes_up(site: Site) -> None:
    key = upload(site, b"somebody's")
    body = (
        "--b\r\n"
        f"Content-Type: message/external-body; blob-key={key}; access-type=x\r\n"
        'Content-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        "Content-Type: text/plain\r\nContent-Length: 1\r\nContent-MD5: YQ==\r\n"
        "X-AppEngine-Upload-Creation: 2020-01-01 00:00:00.000000\r\n\r\n\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = site.ask("/done", body=body.encode(), headers=headers)
    assert answer.status == (200 if site.is_original else 500)


@pytest.mark.parametrize("bound", ["max_bytes_per_blob", "max_bytes_total"])
def test_upload_over_its_bound_is_413(site: Site, bound: str) -> None:
    assert post_file(site, b"12345", form=f"?{bound}=4")[0].status == 413
    assert post_file(site, b"1234", form=f"?{bound}=4")[0].status == 200


def test_wrong_uploads_are_refused(site: Site) -> None:
    assert post_file(site, b"1", "text")[0].status == 400
    path = "/" + site.ask("/form").body.decode()
    assert site.ask(path).status == 405


@pytest.mark.parametrize(
    ("header", "options"),
    [
        (None, {}),
        ("bytes=2-4", {}),
        ("bytes=8-", {}),
        ("bytes=8-99", {}),
        ("bytes=-3", {}),
        ("bytes=-99", {}),
        ("bytes=10-", {}),
        ("bytes=1-2,4-5", {}),
        ("chars=1-2", {}),
        (None, {"start": 2}),
        (None, {"start": 2, "end": 4}),
        (None, {"start": -3}),
        ("bytes=6-7", {"start": 2, "end": 4}),
        ("bytes=6-7", {"use_range": False, "start": 2, "end": 4}),
        ("bytes=6-7", {"use_range": True}),
        ("bytes=2-4", {"use_range": True, "start": 2, "end": 4}),
        ("bytes=6-7", {"use_range": True, "start": 2, "end": 4}),
        (None, {"end": 4}),
        (None, {"content_type": "image/png"}),
        (None, {"save_as": True}),
        (None, {"no_such": 1}),
    ],
)
def test_blob_is_sent_the_same(
    site: Site, header: str | None, options: dict[str, Any]
) -> None:
    key = upload(site, b"0123456789")
    headers = {} if header is None else {"Range": header}
    query = {"options": json.dumps(options)}
    answer = site.ask(f"/serve/{key}", query=query, headers=headers)
    wanted = _wanted(header, options)
    assert (answer.status, _range_of(answer)) == wanted[:2]
    if answer.status in (200, 206):
        assert answer.body == wanted[2]
        assert answer.headers["Content-Type"] == options.get(
            "content_type", "text/plain"
        )


def _range_of(answer: Answer) -> str | None:
    said = answer.headers["Content-Range"]
    return None if said is None else str(said).removeprefix("bytes ")


def _wanted(
    header: str | None, options: dict[str, Any]
) -> tuple[int, str | None, bytes]:
    """Return status, range and body, as the original answers."""
    data = b"0123456789"
    asked = f"{header} {json.dumps(options)}"
    return {
        "bytes=2-4 {}": (206, "2-4/10", b"234"),
        "bytes=8- {}": (206, "8-9/10", b"89"),
        "bytes=8-99 {}": (206, "8-9/10", b"89"),
        "bytes=-3 {}": (206, "7-9/10", b"789"),
        "bytes=-99 {}": (206, "0-9/10", data),
        "bytes=10- {}": (416, "*/10", b""),
        "bytes=1-2,4-5 {}": (416, "*/10", b""),
        "chars=1-2 {}": (416, "*/10", b""),
        'None {"start": 2}': (206, "2-9/10", data[2:]),
        'None {"start": 2, "end": 4}': (206, "2-4/10", b"234"),
        'None {"start": -3}': (206, "7-9/10", b"789"),
        'bytes=6-7 {"start": 2, "end": 4}': (206, "6-7/10", b"67"),
        'bytes=6-7 {"use_range": false, "start": 2, "end": 4}': (
            206,
            "2-4/10",
            b"234",
        ),
        'bytes=6-7 {"use_range": true}': (206, "6-7/10", b"67"),
        'bytes=2-4 {"use_range": true, "start": 2, "end": 4}': (206, "2-4/10", b"234"),
        'bytes=6-7 {"use_range": true, "start": 2, "end": 4}': (500, None, b""),
        'None {"end": 4}': (500, None, b""),
        'None {"no_such": 1}': (500, None, b""),
    }.get(asked, (200, None, data))


def test_download_has_the_blobs_name(site: Site) -> None:
    key = upload(site, b"x")
    query = {"options": json.dumps({"save_as": True})}
    said = site.ask(f"/serve/{key}", query=query).headers["Content-Disposition"]
    assert said.startswith('attachment; filename="a.txt"')


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (None, "null"),
        ("bytes=1-2", "[1, 2]"),
        ("bytes=1-", "[1, null]"),
        ("bytes=-5", "[-5, null]"),
        ("bytes=1-2,3-4", "UnsupportedRangeFormatError"),
        ("chars=1-2", "UnsupportedRangeFormatError"),
        ("bytes", "RangeFormatError"),
        ("bytes=a-b", "RangeFormatError"),
        ("bytes=", "RangeFormatError"),
    ],
)
def test_range_of_the_request_is_read(
    site: Site, header: str | None, said: str
) -> None:
    headers = {} if header is None else {"Range": header}
    assert site.ask("/range", headers=headers).body.decode() == said


def test_serving_address_has_the_same_form(site: Site) -> None:
    key = upload(site, PNG, "image/png")
    assert site.ask(f"/_ah/img/{key}").status == 404
    said = site.ask(f"/picture/{key}").body.decode()
    assert said == f"_ah/img/{key}=s32-c"
    whole = site.ask(f"/_ah/img/{key}")
    assert (whole.status, whole.body) == (200, PNG)
    assert whole.headers["Content-Type"] == "image/png"
    assert site.ask(f"/_ah/img/{key}=s1601").status == 400


def test_pull_queue_answers_the_same(site: Site) -> None:
    said = site.ask("/pulled").json
    assert said == {
        "counted": 4,
        "tagged": [["x0", "x"], ["x2", "x"]],
        "rest": [["y1", "y"], ["None3", None]],
        "counts": [1, 1, 1, 1],
        "none": [],
        "again": [2],
        "expired": "TaskLeaseExpiredError",
        "deleted": [True, True],
        "left": 2,
    }
