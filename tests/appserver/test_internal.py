"""The WSGI environment of a request that the platform makes."""

from __future__ import annotations

import pytest
import webob

from channelshim.appserver.internal import internal_environ
from channelshim.contracts.dispatcher import InternalRequest


def test_body_is_read_where_it_is() -> None:
    form = "application/x-www-form-urlencoded"
    environ = internal_environ(InternalRequest("POST", "/x?q=1", b"from=a%26b", form))
    body = environ["wsgi.input"]
    assert webob.Request(environ).params["from"] == "a&b"
    # WebOb copies a body into a temporary file when it does not know better.
    assert environ["wsgi.input"] is body


def test_length_and_type_are_those_of_the_body() -> None:
    headers = (("Content-Length", "9"), ("X-AppEngine-Cron", "true"))
    request = InternalRequest("PUT", "/é", b"text", "text/plain", headers=headers)
    environ = internal_environ(request, "localhost:8080")
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("localhost", "8080")
    assert environ["HTTP_X_APPENGINE_CRON"] == "true"
    assert environ["CONTENT_LENGTH"] == "4"
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert webob.Request(environ).path_info == "/é"


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [
        ("localhost:8080", "localhost", "8080"),
        ("[::1]:8080", "[::1]", "8080"),
        ("localhost", "localhost", "80"),
        ("[::1]", "[::1]", "80"),
    ],
)
def test_host_is_parted_at_its_port(host: str, name: str, port: str) -> None:
    environ = internal_environ(InternalRequest("GET", "/"), host)
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == (name, port)
    assert environ["HTTP_HOST"] == host
    assert "CONTENT_LENGTH" not in environ
