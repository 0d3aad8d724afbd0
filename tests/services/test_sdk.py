"""What docs/reference/services.md promises of Google's own stubs."""

from __future__ import annotations

import email
import email.policy
import http.server
import importlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from google.appengine.api import (
    apiproxy_stub_map,
    app_identity,
    capabilities,
    mail,
    modules,
    namespace_manager,
    urlfetch,
)
from google.appengine.api.app_identity import _metadata_server

from channelshim import appengine
from channelshim.compat import access_tokens
from channelshim.runtime.environment import RequestScope
from channelshim.services.datastore_v3.values import values_of_body
from channelshim.store.sqlite.state import SqliteStore
from tests.lanes import timeout_factor
from tests.service_needs import install_services


@pytest.fixture(autouse=True)
def services(tmp_path: Path) -> Iterator[None]:
    before = apiproxy_stub_map.apiproxy
    store = SqliteStore(tmp_path, values_of_body, takes_lease=False)
    install_services(tmp_path, store)
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
    monkeypatch.setattr("channelshim.services.mail.MAILS_KEPT", 2)

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


def test_log_says_where_a_mail_is_and_not_how_to_send_it(caplog: Any) -> None:
    with caplog.at_level("INFO"):
        in_request(lambda: mail.send_mail("a@example.com", "b@example.com", "s", "b"))
    assert "a mail was not sent but kept as" in caplog.text
    assert "From: a@example.com" in caplog.text
    assert "sendmail" not in caplog.text


def test_mail_is_whole_and_readable(tmp_path: Path) -> None:
    def send() -> None:
        message = mail.EmailMessage(sender="a@example.com", subject="hé")
        message.to = ["b@example.com", "c@example.com"]
        message.cc = "d@example.com"
        message.reply_to = "e@example.com"
        message.body = "grüße"
        message.html = "<b>grüße</b>"
        message.attachments = [("a.txt", b"attached")]
        message.send()

    in_request(send)
    (path,) = (tmp_path / "mail").iterdir()
    read = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert (read["From"], read["Subject"]) == ("a@example.com", "hé")
    assert read["To"] == "b@example.com, c@example.com"
    assert (read["Cc"], read["Reply-To"]) == ("d@example.com", "e@example.com")
    texts = [part.get_content() for part in read.walk() if not part.is_multipart()]
    assert [text.strip() for text in texts] == ["grüße", "<b>grüße</b>", "attached"]
    assert path.stat().st_mode & 0o077 == 0 or path.parent.stat().st_mode & 0o077 == 0


def test_mail_without_what_it_needs_is_refused() -> None:
    with pytest.raises(mail.MissingRecipientsError):
        in_request(lambda: mail.EmailMessage(sender="a@b.c", body="b").send())
    with pytest.raises(mail.InvalidAttachmentTypeError):
        in_request(
            lambda: mail.send_mail(
                "a@b.c", "d@e.f", "s", "b", attachments=[("a.exe", b"x")]
            )
        )


def test_mail_counts_on_after_a_restart(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "000041.eml").write_bytes(b"")
    in_request(lambda: mail.send_mail("a@example.com", "b@example.com", "s", "b"))
    assert (tmp_path / "mail" / "000042.eml").exists()


class Echo(http.server.BaseHTTPRequestHandler):
    """Says what it was asked; /away leads to /."""

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "/")
        self.end_headers()
        own = self.headers.get("X-Own", "")
        self.wfile.write(f"{self.command} {self.path} {own} ".encode() + body)

    do_POST = do_GET

    def log_message(self, *arguments: object) -> None:
        """Stay quiet."""


@pytest.fixture
def address() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        # It looks that often whether it is to stop; half a second is usual.
        serve = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        serve.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_urlfetch_fetches(address: str) -> None:
    answer = in_request(lambda: urlfetch.fetch(address + "/x"))
    assert (answer.status_code, answer.content) == (200, b"GET /x  ")
    headers = {"X-Own": "1"}
    answer = in_request(
        lambda: urlfetch.fetch(address, b"\xff", method="POST", headers=headers)
    )
    assert answer.content == b"POST / 1 \xff"


def test_urlfetch_follows_redirects_unless_told(address: str) -> None:
    answer = in_request(lambda: urlfetch.fetch(address + "/away"))
    assert answer.content == b"GET /  "
    answer = in_request(
        lambda: urlfetch.fetch(address + "/away", follow_redirects=False)
    )
    assert answer.status_code == 302


def test_urlfetch_of_several_at_once(address: str) -> None:
    def fetch() -> list[bytes]:
        calls = [urlfetch.create_rpc() for _ in range(3)]
        for number, call in enumerate(calls):
            urlfetch.make_fetch_call(call, f"{address}/{number}")
        return [call.get_result().content for call in calls]

    assert in_request(fetch) == [b"GET /0  ", b"GET /1  ", b"GET /2  "]


def test_urlfetch_tells_of_failures_in_googles_errors() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(urlfetch.DownloadError):
        in_request(lambda: urlfetch.fetch(f"http://127.0.0.1:{port}/"))
    with pytest.raises(urlfetch.InvalidURLError):
        in_request(lambda: urlfetch.fetch("ftp://127.0.0.1/"))


def test_search_understands_its_query_language() -> None:
    from google.appengine.api import search

    def put(name: str, color: str, price: int) -> None:
        fields = [search.AtomField("color", color), search.NumberField("price", price)]
        search.Index("cars").put(search.Document(name, fields))

    def find(query: str) -> list[str]:
        found = search.Index("cars").search(query)
        return sorted(each.doc_id for each in found)

    for car in (("a", "red", 5), ("b", "red", 50), ("c", "blue", 500)):
        in_request(partial(put, *car))
    assert in_request(lambda: find("color:red")) == ["a", "b"]
    assert in_request(lambda: find("color:red price < 10")) == ["a"]
    assert in_request(lambda: find("price > 10")) == ["b", "c"]
    in_request(lambda: search.Index("cars").delete("a"))
    assert in_request(lambda: find("color:red")) == ["b"]


def test_search_finds_and_survives_a_new_stub(tmp_path: Path) -> None:
    from google.appengine.api import search

    def put() -> None:
        field = search.TextField("text", "a red house")
        search.Index("i").put(search.Document("d", [field]))

    def find() -> list[str]:
        return [found.doc_id for found in search.Index("i").search("house")]

    in_request(put)
    assert in_request(find) == ["d"]
    install_services(tmp_path, SqliteStore(tmp_path, values_of_body, takes_lease=False))
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


def test_app_has_an_identity_of_constants() -> None:
    assert in_request(app_identity.get_service_account_name) == "test@localhost"
    assert in_request(app_identity.get_default_gcs_bucket_name) == "app_default_bucket"
    name, signature = in_request(lambda: app_identity.sign_blob(b"blob"))
    (certificate,) = in_request(app_identity.get_public_certificates)
    assert name == certificate.key_name
    assert signature == in_request(lambda: app_identity.sign_blob(b"blob"))[1]
    assert "BEGIN CERTIFICATE" in certificate.x509_certificate_pem


def test_access_token_is_made_up_where_google_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise requests.ConnectionError("nobody there")

    # The SDK's testbed leaves its stub's patch there when it is deactivated.
    importlib.reload(_metadata_server)
    access_tokens.fall_back(_metadata_server)
    monkeypatch.setattr(requests, "get", refuse)
    token, expires_at = in_request(lambda: app_identity.get_access_token("scope"))
    assert token == "InvalidToken"
    assert expires_at > time.time()


def test_one_module_runs_and_others_cannot_be_started() -> None:
    assert in_request(modules.get_versions) == ["1"]
    assert in_request(modules.get_default_version) == "1"
    assert in_request(modules.get_hostname) == "localhost:8080"
    with pytest.raises(modules.InvalidModuleError):
        in_request(lambda: modules.get_versions("other"))
    for change in (
        lambda: modules.start_version("other", "1"),
        lambda: modules.stop_version("default", "1"),
        lambda: modules.set_num_instances(2),
    ):
        with pytest.raises(modules.Error):
            in_request(change)


@pytest.mark.parametrize(
    "package",
    [
        "blobstore",
        "datastore_v3",
        "images",
        "mail",
        "memcache",
        "taskqueue",
        "urlfetch",
    ],
)
def test_service_is_said_to_be_enabled(package: str) -> None:
    assert in_request(lambda: capabilities.CapabilitySet(package).is_enabled())
    writes = capabilities.CapabilitySet("datastore_v3", capabilities=["write"])
    assert in_request(writes.is_enabled)


def test_namespace_divides_what_is_stored() -> None:
    from google.appengine.api import datastore

    def put(namespace: str) -> list[str]:
        namespace_manager.set_namespace(namespace)
        datastore.Put(datastore.Entity("Thing", name=f"of {namespace}"))
        return [each.key().name() for each in datastore.Query("Thing").Run()]

    assert in_request(lambda: put("a")) == ["of a"]
    assert in_request(lambda: put("b")) == ["of b"]
    with pytest.raises(namespace_manager.BadValueError):
        in_request(lambda: namespace_manager.set_namespace("no such name"))


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
    assert done.wait(10 * timeout_factor())
    assert seen == ["in dev~test"]


def test_background_thread_is_a_thread_that_can_be_joined() -> None:
    import os

    from google.appengine.api import background_thread

    appengine.install()
    seen: list[str] = []

    class Own(background_thread.BackgroundThread):  # type: ignore[misc]
        def run(self) -> None:
            seen.append("own")

    def work(word: str) -> None:
        seen.append(word + os.environ["APPLICATION_ID"])

    def start() -> None:
        thread = background_thread.BackgroundThread(target=work, args=["in "])
        own = Own()
        for each in (thread, own):
            each.start()
            each.join(10 * timeout_factor())
            assert not each.is_alive()
        with pytest.raises(RuntimeError):
            thread.start()

    in_request(start)
    assert seen == ["in dev~test", "own"]
