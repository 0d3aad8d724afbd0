"""Addresses of images.get_serving_url, and the images behind them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.appengine.api import apiproxy_stub_map
from PIL import Image
from webtest import TestApp

from channelshim import limits
from channelshim.appserver.application import AppServer
from channelshim.appserver.login.development import DevelopmentLogin
from channelshim.protocol.cookies import CookieSigner
from channelshim.runtime.variables import Application
from channelshim.services.datastore_v3.values import values_of_body
from channelshim.store.sqlite.state import SqliteStore
from tests.service_needs import install_services


def picture(width: int, height: int, kind: str = "PNG", mode: str = "RGB") -> bytes:
    made = io.BytesIO()
    Image.new(mode, (width, height)).save(made, kind)
    return made.getvalue()


BLOBS = {
    "wide": picture(80, 40),
    "tall": picture(40, 100),
    "photo": picture(80, 40, "JPEG"),
    "gif": picture(80, 40, "GIF", "P"),
    "web": picture(80, 40, "WEBP", "RGBA"),
    "clear": picture(80, 40, "PNG", "LA"),
    "padded==": picture(80, 40),
    "text": b"<script>alert(1)</script>",
    "vector": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "cut": picture(80, 40)[:60],
}


def app(environ: dict[str, object], start_response: object) -> list[bytes]:
    from google.appengine.api import images

    key = str(environ["QUERY_STRING"])
    if environ["PATH_INFO"] == "/delete":
        images.delete_serving_url(key)
        said = "deleted"
    else:
        said = " ".join(
            [
                images.get_serving_url(key),
                images.get_serving_url(key, size=32, crop=True, secure_url=True),
            ]
        )
    start_response("200 OK", [("Content-Type", "text/plain")])  # type: ignore[operator]
    return [said.encode()]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestApp]:
    from google.appengine.api import datastore

    store = SqliteStore(tmp_path, values_of_body, takes_lease=False)
    before = apiproxy_stub_map.apiproxy
    install_services(tmp_path, store)
    signer = CookieSigner([b"s" * 32])
    server = AppServer(
        None, None, Application("test"), DevelopmentLogin(signer), wsgi_app=app
    )
    stub = apiproxy_stub_map.apiproxy.GetStub("blobstore")
    for key, data in BLOBS.items():
        stub.storage.StoreBlob(key, io.BytesIO(data))
        entity = datastore.Entity("__BlobInfo__", name=key, namespace="")
        entity.update({"content_type": "text/html", "size": len(data)})
        datastore.Put(entity)
    yield TestApp(server, extra_environ={"REMOTE_ADDR": "192.0.2.1"})
    apiproxy_stub_map.apiproxy = before


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPLICATION_ID", "dev~test")


def asked(client: TestApp, key: str) -> str:
    address: str = client.get(f"/?{key}").text.split()[0]
    assert address == f"http://localhost:80/_ah/img/{key}"
    return f"/_ah/img/{key}"


def size_of(data: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(data)).size


def test_image_is_served_as_it_is(client: TestApp) -> None:
    answer = client.get(asked(client, "wide"))
    assert answer.body == BLOBS["wide"]
    # The visitor's word for it, text/html, is not believed.
    assert answer.content_type == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(asked(client, "wide") + "=s0").body == BLOBS["wide"]
    head = client.head(asked(client, "wide"))
    assert (head.body, head.content_length) == (b"", len(BLOBS["wide"]))


def test_address_carries_size_and_crop(client: TestApp) -> None:
    addresses = client.get("/?wide").text.split()
    assert addresses[1] == addresses[0] + "=s32-c"


@pytest.mark.parametrize(
    ("key", "options", "size"),
    [
        ("wide", "=s20", (20, 10)),
        ("wide", "=s160", (160, 80)),
        ("wide", "=s20-c", (20, 20)),
        ("tall", "=s50", (20, 50)),
        ("tall", "=s20-c", (20, 20)),
        ("wide", "=s1", (1, 1)),
        ("wide", "=s1600", (1600, 800)),
        ("padded==", "=s20", (20, 10)),
    ],
)
def test_image_is_resized(
    client: TestApp, key: str, options: str, size: tuple[int, int]
) -> None:
    answer = client.get(asked(client, key) + options)
    assert size_of(answer.body) == size
    assert answer.content_type == "image/png"
    assert answer.headers["Cache-Control"] == "public, max-age=600, no-transform"


@pytest.mark.parametrize(
    ("key", "content_type"),
    [
        ("photo", "image/jpeg"),
        ("gif", "image/png"),
        ("web", "image/jpeg"),
        ("clear", "image/png"),
    ],
)
def test_format_is_the_originals(client: TestApp, key: str, content_type: str) -> None:
    answer = client.get(asked(client, key) + "=s20")
    assert answer.content_type == content_type
    assert size_of(answer.body) == (20, 10)


def test_blob_that_did_not_ask_is_not_served(client: TestApp) -> None:
    client.get("/_ah/img/wide", status=404)
    client.get("/_ah/img/nobody=s20", status=404)
    path = asked(client, "wide")
    client.get("/delete?wide")
    client.get(path, status=404)
    # Asked for, and then gone.
    client.get(asked(client, "nobody"), status=404)


@pytest.mark.parametrize("key", ["text", "vector", "cut"])
def test_blob_that_is_no_image_is_not_served(client: TestApp, key: str) -> None:
    path = asked(client, key)
    client.get(path + "=s20", status=400)
    if key != "cut":
        client.get(path, status=400)


def test_other_requests_are_refused(
    client: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = asked(client, "wide")
    client.post(path, status=405)
    for options in ("=s1601", "=s99999", "/x", "=s20/../x"):
        client.get(path + options, status=400)
    client.get("/_ah/img/..%2Fx", status=400)
    monkeypatch.setattr(limits, "MAXIMUM_IMAGE_PIXELS", 80 * 40 - 1)
    client.get(path + "=s21", status=400)
