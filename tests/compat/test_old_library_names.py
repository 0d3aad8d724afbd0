"""Names and arguments of old WebOb, webapp2 and Jinja2.

Expected values: printed by SDK 1.9.88's WebOb 1.1.1 and 1.2.3, webapp2 2.5.2 and Jinja2
2.6 on Python 2.7.18, for the same calls.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

import pytest

from channelshim import appengine
from channelshim.compat import old_library_names

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def installed() -> None:
    appengine.install()


@pytest.fixture
def request_kind() -> Any:
    import webapp2

    return webapp2.Request


def _cookies(method: str, **named: Any) -> list[str]:
    import webapp2

    response = webapp2.Response()
    getattr(response, method)(**named)
    return [
        re.sub("; expires=[^;]*", "", each)
        for each in response.headers.getall("Set-Cookie")
    ]


@pytest.mark.parametrize(
    ("method", "named", "expected"),
    [
        (
            "set_cookie",
            {"key": "a", "value": "b", "path": "/x", "httponly": True},
            ["a=b; Path=/x; HttpOnly"],
        ),
        ("set_cookie", {"key": "a", "value": None}, ["a=; Max-Age=0; Path=/"]),
        ("set_cookie", {"name": "a", "value": "b"}, ["a=b; Path=/"]),
        (
            "delete_cookie",
            {"key": "a", "path": "/x", "domain": "d"},
            ["a=; Domain=d; Max-Age=0; Path=/x"],
        ),
        ("unset_cookie", {"key": "z", "strict": False}, []),
    ],
)
def test_cookies_are_named_by_key(
    method: str, named: dict[str, Any], expected: list[str]
) -> None:
    assert _cookies(method, **named) == expected


def test_requests_have_their_old_members(request_kind: Any) -> None:
    request = request_kind.blank(
        "/a?x=1&y=2&x=3", POST="p=q", headers={"Cookie": "k=v"}
    )
    everything = [("p", "q"), ("x", "1"), ("x", "3"), ("y", "2")]
    assert sorted(request.str_params.items()) == everything
    assert sorted(request.str_GET.items()) == everything[1:]
    assert request.str_POST.items() == [("p", "q")]
    assert request.str_cookies.items() == [("k", "v")]
    assert (request.unicode_errors, request.decode_param_names) == ("strict", True)
    assert request.get("x", allow_multiple=True) == ["1", "3"]
    assert request.get("z", allow_multiple=True) == []
    assert (request.get("x"), request.get("z", "no")) == ("1", "no")
    head = (
        "POST /a?x=1&y=2&x=3 HTTP/1.0\r\nContent-Length: 3\r\nContent-Type: "
        "application/x-www-form-urlencoded\r\nCookie: k=v\r\nHost: localhost:80"
    )
    assert request.as_string(skip_body=True) == head
    assert request.as_string() == f"{head}\r\n\r\np=q"
    again = request_kind.from_string("GET /b?c=d HTTP/1.0\r\nHost: h\r\n\r\n")
    assert again.url == "http://h/b?c=d"


def test_keys_items_and_values_are_lists(request_kind: Any) -> None:
    request = request_kind.blank("/?a=1&b=2", POST="c=d")
    assert request.params.items() == [("a", "1"), ("b", "2"), ("c", "d")]
    assert request.params.keys() == ["a", "b", "c"]
    assert request.GET.keys() == ["a", "b"]
    assert request.POST.values() == ["d"]
    assert request.cookies.items() == []
    assert sorted(request.headers.keys()) == ["Content-Length", "Content-Type", "Host"]
    assert request_kind.blank("/").POST.items() == []


WANTED = {
    "Accept": "text/html;level=1;q=0.5, text/plain;q=0, */*;q=0.1",
    "Accept-Language": "de;q=0, *, en-GB;q=0.8, FR",
    "Accept-Charset": "*;q=0.5, UTF-8",
    "Accept-Encoding": "gzip, x;q=oops",
}


@pytest.mark.parametrize(
    ("member", "everything", "before_en"),
    [
        ("accept", ["text/html", "*/*", "text/plain"], ["text/html", "en"]),
        ("accept_language", ["*", "FR", "en-GB", "de"], ["en"]),
        ("accept_charset", ["UTF-8", "*"], ["UTF-8", "en"]),
        ("accept_encoding", ["gzip", "x"], ["gzip", "x", "en"]),
    ],
)
def test_best_matches(
    request_kind: Any, member: str, everything: list[str], before_en: list[str]
) -> None:
    accept = getattr(request_kind.blank("/", headers=WANTED), member)
    assert accept.best_matches() == everything
    assert accept.best_matches("en") == before_en
    nothing = getattr(request_kind.blank("/"), member)
    assert nothing.best_matches() == []
    assert nothing.best_matches("en") == ["en"]


def test_first_match(request_kind: Any) -> None:
    request = request_kind.blank("/", headers=WANTED)
    assert request.accept_language.first_match(["de", "es"]) == "de"
    assert request.accept_charset.first_match(["x", None]) == "x"
    assert request.accept.first_match(["text/plain", "image/png"]) == "text/plain"
    assert request.accept.accepts_html
    narrow = request_kind.blank("/", headers={"Accept-Language": "de, fr;q=0.5"})
    assert narrow.accept_language.first_match(["es", "it"]) == "es"
    assert narrow.accept_language.first_match(["es", None]) is None
    assert request_kind.blank("/").accept_language.first_match(["es", "it"]) == "es"


def test_multidicts_of_old_and_exceptions_as_classes() -> None:
    import webob
    from webob import exc, multidict

    made = multidict.UnicodeMultiDict(multidict.MultiDict(a="b"), encoding="utf-8")
    assert (made.items(), made.getall("a")) == ([("a", "b")], ["b"])
    error = exc.HTTPNotFound()
    assert error.exception is error
    assert webob.Response.RequestClass is webob.Request


def test_every_row_finds_what_it_names() -> None:
    for name, names in old_library_names.NAMES.items():
        if name == "flask":
            continue
        module = importlib.import_module(name)
        assert not [old for old in names if not hasattr(module, old)]


def test_a_filter_as_jinjas_own_manual_had_it() -> None:
    import jinja2
    from jinja2 import ext

    @jinja2.evalcontextfilter  # type: ignore[attr-defined, untyped-decorator]
    def nl2br(context: Any, value: str) -> Any:
        text = "<br>".join(jinja2.escape(part) for part in value.split("\n"))  # type: ignore[attr-defined]
        return jinja2.Markup(text) if context.autoescape else text  # type: ignore[attr-defined]

    environment = jinja2.Environment(
        autoescape=True,
        extensions=["jinja2.ext.autoescape", "jinja2.ext.with_", ext.WithExtension],  # type: ignore[attr-defined]
    )
    environment.filters["nl2br"] = nl2br
    template = environment.from_string("{% with %}{{ v|nl2br }}{% endwith %}")
    assert template.render(v="a\n<b>") == "a<br>&lt;b&gt;"
    assert template.stream(v="a").next()  # type: ignore[attr-defined]
