"""Third-party modules, mended so that code of 2012 reads them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from channelshim import appengine
from channelshim.compat import legacy_modules
from channelshim.compat.legacy_str import LegacyStr

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def webapp2() -> Any:
    appengine.install()
    import webapp2

    return webapp2


def test_the_body_of_a_request_is_text_and_bytes(webapp2: Any) -> None:
    request = webapp2.Request.blank("/", POST=b"caf\xc3\xa9")
    assert isinstance(request.body, LegacyStr)
    assert f"{request.body}" == "café"
    request.body = "中"
    assert request.body == "中".encode()
    request.body = b"raw"
    assert request.body == b"raw"


@pytest.mark.parametrize(
    "path", ["/\xff\xfe", "/\xc3\xa9", "/é中".encode().decode("latin-1")]
)
def test_any_path_is_matched(webapp2: Any, path: str) -> None:
    class Handler(webapp2.RequestHandler):  # type: ignore[misc]
        def get(self, rest: str) -> None:
            self.response.write(self.request.path)

    app = webapp2.WSGIApplication([("/found(.*)", Handler)])
    assert _blank(webapp2, path).get_response(app).status_int == 404
    found = _blank(webapp2, f"/found{path}").get_response(app)
    assert found.status_int == 200
    assert "%" in found.text


def test_a_path_that_changes_on_the_way_is_seen(webapp2: Any) -> None:
    request = webapp2.Request.blank("/a b")
    assert request.path == request.path == "/a%20b"
    request.environ["PATH_INFO"] = "/other"
    assert request.path == "/other"
    request.script_name = "/mounted"
    assert (request.path, request.copy().path) == ("/mounted/other",) * 2


def _blank(webapp2: Any, path: str) -> Any:
    request = webapp2.Request.blank("/")
    request.environ["PATH_INFO"] = path
    return request


def test_a_response_takes_text_bytes_and_bodies(webapp2: Any) -> None:
    response = webapp2.Response()
    response.write("é")
    response.write(b"\x89PNG\xff")
    response.write(LegacyStr("ü".encode()))
    response.write(5)
    assert response.body == "é".encode() + b"\x89PNG\xff" + "ü5".encode()


def test_a_body_written_within_text_comes_out_as_it_went_in(webapp2: Any) -> None:
    raw = b"\x89PNG\xff\xd8"
    response = webapp2.Response()
    response.write(f"é{LegacyStr(raw)}")
    assert response.body == "é".encode() + raw


def test_jinjas_old_extensions_can_be_named(webapp2: Any) -> None:
    import jinja2

    environment = jinja2.Environment(
        extensions=["jinja2.ext.autoescape", "jinja2.ext.with_"], autoescape=True
    )
    assert environment.from_string("{{ x }}").render(x="<") == "&lt;"


def test_what_a_module_still_has_is_left_alone() -> None:
    cgi: Any = SimpleNamespace()
    legacy_modules.patch_cgi(cgi)
    assert cgi.escape("<a href='\"'>") == "&lt;a href='\"'&gt;"
    assert cgi.escape('"', quote=True) == "&quot;"
    escape = cgi.escape
    legacy_modules.patch_cgi(cgi)
    assert cgi.escape is escape
