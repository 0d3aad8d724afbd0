"""What docs/reference/services.md promises of Google's own stubs."""

from __future__ import annotations

import http.server
import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.appengine.api import (
    apiproxy_stub_map,
    app_identity,
    capabilities,
    mail,
    modules,
    namespace_manager,
    urlfetch,
)

from channelshim import limits
from channelshim.runtime.environment import RequestScope
from channelshim.services import proxy, sdk
from channelshim.services.datastore_v3 import DatastoreService
from channelshim.store.sqlite import SqliteStore


@pytest.fixture(autouse=True)
def services(tmp_path: Path) -> Iterator[None]:
    before = apiproxy_stub_map.apiproxy
    store = SqliteStore(tmp_path, takes_lease=False)
    entities = {"datastore_v3": lambda: DatastoreService(store, "dev~test")}
    proxy.install({**sdk.factories(tmp_path), **entities})
    yield
    apiproxy_stub_map.apiproxy = before


def in_request(call: Callable[[], Any]) -> Any:
    variables = {
        "APPLICATION_ID": "dev~test",
        "AUTH_DOMAIN": "gmail.com",
        "CURRENT_MODULE_ID": "default",
        "CURRENT_VERSION_ID": "1.1",
        "DEFAULT_VERSION_HOSTNAME": "localhost:8080",
        "HTTP_HOST": "localhost:8080",
    }
    return RequestScope(variables).run(call)


def test_mail_is_kept_and_the_oldest_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAILS_KEPT", 2)

    def send() -> None:
        for subject in ("one", "two", "three"):
            mail.send_mail("a@example.com", "b@example.com", subject, "hé")

    in_request(send)
    kept = sorted((tmp_path / "mail").iterdir())
    assert [path.name for path in kept] == ["000002.eml", "000003.eml"]
    assert b"Subject: three" in kept[1].read_bytes()
    stub = apiproxy_stub_map.apiproxy.GetStub("mail")
    subjects = [message.subject for message in stub.get_sent_messages()]
    assert subjects == ["two", "three"]


def test_mail_counts_on_after_a_restart(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "000041.eml").write_bytes(b"")
    in_request(lambda: mail.send_mail("a@example.com", "b@example.com", "s", "b"))
    assert (tmp_path / "mail" / "000042.eml").exists()


def test_image_is_resized_in_spite_of_a_new_pillow() -> None:
    from google.appengine.api import images
    from PIL import Image

    picture = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(picture, "PNG")
    small = in_request(lambda: images.resize(picture.getvalue(), width=10))
    assert Image.open(io.BytesIO(small)).size == (10, 5)


def test_urlfetch_fetches() -> None:
    class Hello(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        answer = in_request(lambda: urlfetch.fetch(url))
    assert (answer.status_code, answer.content) == (200, b"hello")


def test_search_finds_and_survives_a_new_stub(tmp_path: Path) -> None:
    from google.appengine.api import search

    def put() -> None:
        field = search.TextField("text", "a red house")
        search.Index("i").put(search.Document("d", [field]))

    def find() -> list[str]:
        return [found.doc_id for found in search.Index("i").search("house")]

    in_request(put)
    assert in_request(find) == ["d"]
    proxy.install(sdk.factories(tmp_path))
    assert in_request(find) == ["d"]


def test_blob_is_kept_on_disk() -> None:
    from google.appengine.api import blobstore

    def use() -> bytes:
        stub = apiproxy_stub_map.apiproxy.GetStub("blobstore")
        stub.CreateBlob("key", b"data")
        return bytes(blobstore.fetch_data("key", 1, 2))

    assert in_request(use) == b"at"


def test_identity_modules_and_capabilities_answer() -> None:
    assert in_request(app_identity.get_application_id) == "test"
    assert in_request(app_identity.get_default_version_hostname) == "localhost:8080"
    assert in_request(modules.get_current_module_name) == "default"
    assert in_request(modules.get_current_version_name) == "1"
    assert in_request(modules.get_modules) == ["default"]
    assert in_request(lambda: capabilities.CapabilitySet("datastore_v3").is_enabled())


def test_namespace_ends_with_its_request() -> None:
    in_request(lambda: namespace_manager.set_namespace("tenant"))
    assert in_request(namespace_manager.get_namespace) == ""


def test_background_thread_runs_with_the_environment_of_its_request() -> None:
    import os

    from google.appengine.api import background_thread

    seen: list[str] = []
    done = threading.Event()

    def work(word: str) -> None:
        seen.append(word + os.environ["APPLICATION_ID"])
        done.set()

    def start() -> None:
        background_thread.start_new_background_thread(work, ["in "])

    in_request(start)
    assert done.wait(10)
    assert seen == ["in dev~test"]
