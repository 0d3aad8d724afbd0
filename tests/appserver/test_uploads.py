"""Upload forms, from create_upload_url to get_uploads, and blobs sent back."""

from __future__ import annotations

import importlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.appengine.api import apiproxy_stub_map
from webtest import TestApp, Upload

from channelshim import appengine
from channelshim.appserver import form_bounds
from channelshim.appyaml.app import parse_app
from channelshim.services import blobstore
from channelshim.services.datastore_v3.values import values_of_body
from channelshim.store.sqlite.state import SqliteStore
from tests.service_needs import install_services, load_server

APP = """
import json
import webapp2
from google.appengine.api import users
from google.appengine.ext import blobstore
from google.appengine.ext.webapp import blobstore_handlers

class Form(webapp2.RequestHandler):
    def get(self):
        bounds = {key: int(value) for key, value in self.request.GET.items()}
        self.response.write(blobstore.create_upload_url('/done?from=form', **bounds))

class Done(blobstore_handlers.BlobstoreUploadHandler):
    def post(self):
        infos = self.get_uploads()
        self.response.write(json.dumps({
            'keys': [str(info.key()) for info in infos],
            'files': [[info.filename, info.content_type, info.size] for info in infos],
            'stored': [[info.filename, info.content_type, info.size] for info in
                       blobstore.BlobInfo.get([info.key() for info in infos])],
            'named': len(self.get_uploads('file')),
            'hashes': [info.md5_hash for info in self.get_file_infos()],
            'text': self.request.POST.getall('text'),
            'query': self.request.query_string,
            'admin': users.is_current_user_admin(),
        }))

class Google(webapp2.RequestHandler):
    def post(self):
        infos = blobstore.BlobstoreUploadHandler().get_uploads(self.request.environ)
        self.response.write(json.dumps([str(info.key()) for info in infos]))

class GoogleForm(webapp2.RequestHandler):
    def get(self):
        self.response.write(blobstore.create_upload_url('/google'))

class Redirect(webapp2.RequestHandler):
    def get(self):
        self.response.write(blobstore.create_upload_url('/redirect'))

    def post(self):
        self.redirect('/elsewhere')

class Reserved(webapp2.RequestHandler):
    def get(self):
        self.response.write(blobstore.create_upload_url('/_ah/queue/deferred'))

class Serve(blobstore_handlers.BlobstoreDownloadHandler):
    def head(self, key):
        self.get(key)

    def get(self, key):
        options = json.loads(self.request.get('options', '{}'))
        self.send_blob(key, **options)

class Raw(webapp2.RequestHandler):
    def get(self, key):
        self.response.status = int(self.request.get('status', 200))
        self.response.headers['X-AppEngine-BlobKey'] = key
        self.response.headers['Content-Type'] = 'application/vnd.google.appengine.auto'
        self.response.write('not this')

class Leak(webapp2.RequestHandler):
    def get(self):
        self.response.headers['X-AppEngine-BlobRange'] = 'bytes=1-2'
        self.response.write('whole')

app = webapp2.WSGIApplication([
    ('/form', Form), ('/done', Done), ('/google', Google), ('/googleform', GoogleForm),
    ('/redirect', Redirect), ('/reserved', Reserved), ('/serve/(.*)', Serve),
    ('/raw/(.*)', Raw), ('/leak', Leak)])
"""

YAML = """
runtime: python27
handlers:
- url: /done
  script: uploading_app.app
  login: admin
- url: /.*
  script: uploading_app.app
"""


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestApp]:
    appengine.install()
    app_dir = tmp_path / "app"
    app_dir.mkdir()
    (app_dir / "uploading_app.py").write_text(APP)
    monkeypatch.chdir(app_dir)
    monkeypatch.syspath_prepend(str(app_dir))
    store = SqliteStore(tmp_path / "store", values_of_body, takes_lease=False)
    before = apiproxy_stub_map.apiproxy
    install_services(tmp_path / "store", store)
    config = parse_app(YAML, read=lambda path: None)
    server = load_server(app_dir, config)
    yield TestApp(server, extra_environ={"REMOTE_ADDR": "127.0.0.1"})
    apiproxy_stub_map.apiproxy = before


def upload_path(client: TestApp, form: str = "/form") -> str:
    address = client.get(form).text
    assert address.startswith("http://localhost:80/_ah/upload/") or address.startswith(
        "http://localhost/_ah/upload/"
    )
    return "/_ah/" + address.partition("/_ah/")[2]


def upload(client: TestApp, *files: Upload, form: str = "/form", **options: Any) -> Any:
    fields: dict[str, Any] = {"text": "hé\r\n"}
    if files:
        fields["file"] = files[0]
    return client.post(upload_path(client, form), fields, **options)


def send(
    client: TestApp, path: str, body: bytes, content_type: str, status: Any = None
) -> Any:
    """Post a body as it is: client.post makes forms anew."""
    options = {"method": "POST", "content_type": content_type, "status": status}
    return client.request(path, body=body, **options)


def blob_count() -> int:
    datastore = importlib.import_module("google.appengine.api.datastore")
    return int(datastore.Query("__BlobInfo__").Count())


PICTURE = Upload('hé ".png', b"\x89PNG\r\n\0data", "image/png")


def test_file_becomes_a_blob_that_the_app_is_told_of(client: TestApp) -> None:
    said = json.loads(upload(client, PICTURE).text)
    facts = ['hé ".png', "image/png", 11]
    assert said["files"] == said["stored"] == [facts]
    assert said["named"] == 1
    assert said["text"] == ["hé\r\n"]
    assert said["query"] == "from=form"
    # login: admin keeps others out; it makes nobody an admin.
    assert said["admin"] is False
    client.post("/done", {"text": "x"}, status=302)
    answer = client.get(f"/serve/{said['keys'][0]}")
    assert answer.body == b"\x89PNG\r\n\0data"
    assert answer.content_type == "image/png"


def test_form_without_a_file_reaches_the_app_too(client: TestApp) -> None:
    assert json.loads(upload(client).text)["files"] == []
    empty = client.post(upload_path(client), {"file": Upload("", b"", "text/plain")})
    assert json.loads(empty.text)["files"] == []


def test_googles_own_handler_reads_the_upload(client: TestApp) -> None:
    assert len(json.loads(upload(client, PICTURE, form="/googleform").text)) == 1


def test_answer_of_the_app_is_passed_on(client: TestApp) -> None:
    answer = upload(client, PICTURE, form="/redirect")
    assert answer.status_int == 302
    assert answer.location == "http://localhost/elsewhere"


def test_address_is_spent_once(client: TestApp) -> None:
    path = upload_path(client)
    client.post(path, {"file": PICTURE})
    client.post(path, {"file": PICTURE}, status=404)
    assert blob_count() == 1


def test_address_is_unguessable_and_expires(
    client: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = upload_path(client), upload_path(client)
    assert re.fullmatch(r"/_ah/upload/[\w-]{43}", first)
    assert first != second
    client.post("/_ah/upload/", {"file": PICTURE}, status=404)
    client.post(first[:-1] + "%C3%A9", {"file": PICTURE}, status=404)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + blobstore.UPLOAD_SESSION_SECONDS)
    client.post(first, {"file": PICTURE}, status=404)
    upload_path(client)
    datastore = importlib.import_module("google.appengine.api.datastore")
    assert datastore.Query("__BlobUploadSession__").Count() == 1
    assert blob_count() == 0


@pytest.mark.parametrize("bound", ["max_bytes_per_blob=10", "max_bytes_total=10"])
def test_upload_over_the_apps_bound_is_413_and_may_be_tried_again(
    client: TestApp, bound: str
) -> None:
    path = upload_path(client, f"/form?{bound}")
    client.post(path, {"file": PICTURE}, status=413)
    assert blob_count() == 0
    small = Upload("a", b"0123456789", "text/plain")
    assert len(json.loads(client.post(path, {"file": small}).text)["keys"]) == 1


def test_total_counts_all_files(client: TestApp) -> None:
    path = upload_path(client, "/form?max_bytes_total=10")
    files = [(name, f"{name}.txt", b"123456") for name in ("one", "two")]
    client.post(path, upload_files=files, status=413)


def test_only_a_whole_form_is_taken(client: TestApp) -> None:
    path = upload_path(client)
    client.get(path, status=405)
    send(client, path, b"x", "multipart/form-data", status=400)
    kind = "multipart/form-data; boundary=b"
    part = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n'
    send(client, path, part + b"\r\ncut short", kind, status=400)
    bad = part + b"Content-Type: text\r\n\r\nx\r\n--b--\r\n"
    send(client, path, bad, kind, status=400)
    client.post(path, {"file": Upload("n" * 501, b"x", "a/b")}, status=400)
    client.post(path, {str(number): "" for number in range(1001)}, status=400)
    assert blob_count() == 0
    client.post(path, {"file": PICTURE})


def test_fields_of_an_upload_are_counted(client: TestApp) -> None:
    path = client.get("/form").text
    files = [("file", "a.txt", b"")]
    most = {f"text{number}": "x" for number in range(form_bounds.MAXIMUM_UPLOAD_FIELDS)}
    refused = client.post(path, most, upload_files=files, status=400)
    assert "1000 parts" in refused.text
    most.popitem()
    client.post(path, most, upload_files=files)


def test_base64_part_is_decoded(client: TestApp) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n'
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n"
    )
    kind = "multipart/form-data; boundary=b"
    said = json.loads(send(client, upload_path(client), body, kind).text)
    assert said["files"] == [["a", 'text/plain; charset="utf-8"', 5]]
    assert client.get(f"/serve/{said['keys'][0]}").body == b"hello"


def forged(key: str) -> tuple[bytes, str]:
    body = (
        "--b\r\n"
        f'Content-Type: message/external-body; blob-key="{key}"; '
        'access-type="X-AppEngine-BlobKey"\r\n'
        'Content-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        "Content-Type: text/plain\r\nContent-Length: 1\r\nContent-MD5: YQ==\r\n"
        "X-AppEngine-Upload-Creation: 2020-01-01 00:00:00.000000\r\n\r\n\r\n--b--\r\n"
    )
    return body.encode(), "multipart/form-data; boundary=b"


def test_nobody_can_say_that_he_uploaded_a_blob(client: TestApp) -> None:
    (key,) = json.loads(upload(client, PICTURE).text)["keys"]
    body, kind = forged(key)
    send(client, "/google", body, kind, status=500)
    client.get("/_ah/login?action=Login&email=a@b&admin=True&continue=/")
    send(client, "/done", body, kind, status=500)
    # Through an upload the reference is a file like any other.
    client.reset()
    said = send(client, upload_path(client, "/googleform"), body, kind)
    (stored,) = json.loads(said.text)
    assert stored != key


def test_text_cannot_become_a_part(client: TestApp) -> None:
    text = '--x--\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n'
    name = 'text"\r\nX-Header: "y'
    said = client.post(upload_path(client), {"text": text, name: "v"})
    assert json.loads(said.text)["text"] == [text]
    assert json.loads(said.text)["files"] == []


def test_upload_leads_to_no_address_of_the_platform(client: TestApp) -> None:
    client.post(upload_path(client, "/reserved"), {"file": PICTURE}, status=403)


@pytest.fixture
def digits(client: TestApp) -> str:
    file = Upload("digits.txt", b"0123456789", "text/plain")
    (key,) = json.loads(upload(client, file).text)["keys"]
    return str(key)


@pytest.mark.parametrize(
    ("options", "header", "body", "content_range"),
    [
        ({}, None, b"0123456789", None),
        ({}, "bytes=2-4", b"234", "bytes 2-4/10"),
        ({}, "bytes=8-", b"89", "bytes 8-9/10"),
        ({}, "bytes=-3", b"789", "bytes 7-9/10"),
        ({}, "bytes=-30", b"0123456789", "bytes 0-9/10"),
        ({"start": 2, "end": 4}, None, b"234", "bytes 2-4/10"),
        ({"start": -3}, None, b"789", "bytes 7-9/10"),
        ({"start": 2, "end": 4}, "bytes=6-7", b"67", "bytes 6-7/10"),
        ({"use_range": True}, "bytes=2-400", b"23456789", "bytes 2-9/10"),
    ],
)
def test_blob_is_sent_whole_or_in_part(
    client: TestApp,
    digits: str,
    options: dict[str, Any],
    header: str | None,
    body: bytes,
    content_range: str | None,
) -> None:
    headers = {} if header is None else {"Range": header}
    query = {"options": json.dumps(options)}
    answer = client.get(f"/serve/{digits}", query, headers=headers)
    assert answer.body == body
    assert answer.status_int == (200 if content_range is None else 206)
    assert answer.headers.get("Content-Range") == content_range
    assert answer.headers["Content-Length"] == str(len(body))
    assert answer.content_type == "text/plain"
    assert not [name for name in answer.headers if "appengine" in name.lower()]


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=4-2", "bytes=-0", "x", "b=0-1"])
def test_part_that_is_not_there_is_416(
    client: TestApp, digits: str, header: str
) -> None:
    answer = client.get(f"/serve/{digits}", headers={"Range": header}, status=416)
    assert answer.headers["Content-Range"] == "bytes */10"
    assert answer.body == b""


def test_head_sends_no_bytes(client: TestApp, digits: str) -> None:
    answer = client.head(f"/serve/{digits}")
    assert answer.headers["Content-Length"] == "10"
    assert answer.body == b""


def test_apps_own_body_and_automatic_type_give_way(
    client: TestApp, digits: str
) -> None:
    answer = client.get(f"/raw/{digits}")
    assert answer.body == b"0123456789"
    assert answer.content_type == "text/plain"


def test_blob_that_is_not_there_is_404(client: TestApp) -> None:
    for path in ("/raw/nobody", "/raw/..%2F..%2Fx"):
        answer = client.get(path, status=404)
        assert answer.body == b""
        assert "X-AppEngine-BlobKey" not in answer.headers


def test_blob_with_another_status_is_500(client: TestApp, digits: str) -> None:
    answer = client.get(f"/raw/{digits}?status=403", status=500)
    assert answer.body == b""
    assert "X-AppEngine-BlobKey" not in answer.headers


def test_headers_for_the_platform_stay_here(client: TestApp) -> None:
    answer = client.get("/leak")
    assert answer.text == "whole"
    assert "X-AppEngine-BlobRange" not in answer.headers


def test_download_is_named(client: TestApp, digits: str) -> None:
    query = {"options": json.dumps({"save_as": 'é"\r\nX: y.txt'})}
    answer = client.get(f"/serve/{digits}", query)
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"____X: y.txt\"; filename*=UTF-8''%C3%A9___X%3A%20y.txt"
    )
