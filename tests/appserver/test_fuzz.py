"""Whatever a request looks like, the server's own part never answers 500."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.appserver.application import AppServer
from channelshim.appserver.exposure import Exposure
from channelshim.appserver.hosts import HostRule
from channelshim.appyaml.app import parse_app
from channelshim.runtime.variables import Application
from tests.service_needs import make_login

YAML = r"""
runtime: python27
handlers:
- url: /static
  static_dir: files
- url: /group/(.*)/(.*)
  static_files: files/\2\1\9
  upload: files/.*
- url: /script/(.*)
  script: \1.app
- url: /file/(.*)
  script: \1.py
- url: /private.*
  static_dir: files
  login: required
- url: /admin.*
  static_files: files/a.txt
  upload: files/.*
  login: admin
  secure: always
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> AppServer:
    root = tmp_path_factory.mktemp("app")
    (root / "files").mkdir()
    (root / "files" / "a.txt").write_text("hello")
    config = parse_app(YAML, read=lambda path: None)
    return AppServer(
        root,
        config,
        Application("test"),
        make_login(),
        exposure=Exposure(hosts=HostRule(), enforces_secure=True),
    )


_PIECES = st.one_of(
    st.sampled_from(
        "/ /static /group/ /script/ /file/ /private /admin /_ah/login /_ah/logout "
        "/_ah/channel/ a.txt .. . %2e%2e %2f %00 %ff %c3%a9 \\ ; : @ ? # ~ + * "
        "os sys files app ../ // [ ] ( { \" ' < > & = , | ^ `".split()
    ),
    st.text(max_size=4),
)
_PATHS = st.lists(_PIECES, max_size=8).map("".join)
_VALUES = st.text(st.characters(max_codepoint=255), max_size=30)
_HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "HTTP_COOKIE",
            "HTTP_RANGE",
            "HTTP_IF_RANGE",
            "HTTP_IF_NONE_MATCH",
            "HTTP_IF_MODIFIED_SINCE",
            "HTTP_CACHE_CONTROL",
            "HTTP_HOST",
            "HTTP_X_FORWARDED_FOR",
            "HTTP_X_APPENGINE_USER_EMAIL",
            "CONTENT_LENGTH",
            "CONTENT_TYPE",
            "QUERY_STRING",
        ]
    ),
    st.one_of(
        _VALUES,
        st.sampled_from(
            [
                "bytes=0-",
                "bytes=-1",
                "dev_appserver_login=x",
                "localhost",
                "continue=//x",
                "action=login&email=a@b&continue=%ff",
            ]
        ),
    ),
)


@given(
    path=_PATHS,
    headers=_HEADERS,
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "x", "GÉT"]),
)
def test_any_request_is_answered(
    server: AppServer, path: str, headers: dict[str, str], method: str
) -> None:
    statuses: list[str] = []

    def start(status: str, given: list[tuple[str, str]], exc_info: Any = None) -> Any:
        statuses.append(status)
        for name, value in given:
            assert "\n" not in name + value
            assert "\r" not in name + value

    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost:8080",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(b""),
        "wsgi.errors": io.StringIO(),
        **headers,
    }
    body = server(environ, start)
    list(body)
    getattr(body, "close", lambda: None)()
    assert len(statuses) == 1
    # 501 is what a method is answered that nobody knows.
    assert not statuses[0].startswith("5") or statuses[0].startswith("501")
