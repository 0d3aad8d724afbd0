"""Forms that are counted before anything parses them."""

from __future__ import annotations

import io
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webob import Request
from webob.compat import cgi_FieldStorage

from channelshim.appserver import form_bounds

FORM = "multipart/form-data; boundary=b"
URL_ENCODED = "application/x-www-form-urlencoded"
DISPOSITION = b'Content-Disposition: form-data; name="f"'


def environ(body: bytes, content_type: str | None = FORM) -> dict[str, Any]:
    """Return what our own server makes of a POST."""
    made = {
        "REQUEST_METHOD": "POST",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "webob.is_body_seekable": True,
    }
    return made if content_type is None else {**made, "CONTENT_TYPE": content_type}


def form(*heads: bytes, value: bytes = b"") -> bytes:
    parts = [b"--b\r\n" + head + b"\r\n\r\n" + value + b"\r\n" for head in heads]
    return b"".join(parts) + b"--b--\r\n"


LONG = form_bounds.MAXIMUM_PART_HEAD_BYTES
MOST = form_bounds.MAXIMUM_UPLOAD_FIELDS


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form(DISPOSITION + b";" * 2_000_000), FORM),
        (form(DISPOSITION + b"\r\nX: y" * 100_000), FORM),
        (form(*[DISPOSITION] * (MOST + 1)), FORM),
        (b"--b\r\n" * 500_000, FORM),
        (b"--b\n" * 500_000, FORM),
        (b"--b--\r\n" * 500_000, FORM),
        (b"--b\r\n" + b"a" * 2_000_000, FORM),
        (form(*[DISPOSITION + b";" * (LONG - 100)] * 40), FORM),
        (form(DISPOSITION), f"multipart/form-data; boundary={'b' * 71}"),
        (form(DISPOSITION), f"{FORM}{';' * 50_000}"),
        (form(b"Content-Type: multipart/mixed; boundary=c"), FORM),
        (form(b"content-TYPE:\r\n multipart/mixed; boundary=c"), FORM),
        (form(b"X: y\rContent-Type:\x0bmultipart/mixed; boundary=c"), FORM),
        (form(*[DISPOSITION] * (MOST + 1)), "Multipart/Mixed; Boundary=b"),
        (b"a=&" * 1_000_000, URL_ENCODED),
        (b"a=&" * 1_000_000, f" {URL_ENCODED.upper()} ;charset=utf-8"),
        (b"a=&" * 1_000_000, ""),
        (b"a=&" * 1_000_000, None),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value,
)
def test_form_that_takes_too_long_is_refused(
    body: bytes, content_type: str | None
) -> None:
    assert form_bounds.refusal(environ(body, content_type))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form(*[DISPOSITION] * MOST), FORM),
        (form(DISPOSITION, value=b"\n" * 3_000_000), FORM),
        (form(DISPOSITION, value=b"--" * 1_000_000), FORM),
        (form(DISPOSITION + b'; filename="' + b"x" * 4000 + b'"'), FORM),
        (form(DISPOSITION).replace(b"\r\n", b"\n"), FORM),
        (form(DISPOSITION), "multipart/form-data"),
        (b"a=&" * (form_bounds.MAXIMUM_FORM_FIELDS - 1), URL_ENCODED),
        (b"&" * 1_000_000, "text/xml"),
        (b"", FORM),
    ],
    ids=range(9),
)
def test_other_bodies_pass_and_can_be_read(body: bytes, content_type: str) -> None:
    request = environ(body, content_type)
    assert form_bounds.refusal(request) == ""
    assert request["wsgi.input"].read() == body


@pytest.mark.parametrize("at", range(-12, 12))
def test_part_between_two_pieces_is_counted_once(at: int) -> None:
    body = form(DISPOSITION, value=b"x" * ((1 << 20) - len(form(DISPOSITION)) + at))
    most = body[:-7] + form(*[DISPOSITION] * (MOST - 1))
    assert form_bounds.refusal(environ(most)) == ""
    more = body[:-7] + form(*[DISPOSITION] * MOST)
    assert "1000 parts" in form_bounds.refusal(environ(more))


class ServersInput(io.RawIOBase):
    """What other servers give: it can be read once."""

    def __init__(self, body: bytes) -> None:
        self._body = io.BytesIO(body)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._body.readinto(buffer)


@pytest.mark.parametrize(
    "more", [{}, {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}]
)
def test_input_that_can_be_read_once_is_replaced(more: dict[str, Any]) -> None:
    body = form(DISPOSITION, value=b"x" * 500_000)
    request = {**environ(body), "wsgi.input": ServersInput(body), **more}
    del request["webob.is_body_seekable"]
    assert form_bounds.refusal(request) == ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert Request(request).POST["f"] == "x" * 500_000


def test_form_that_is_cut_short_is_refused() -> None:
    request = {**environ(b"a=b"), "wsgi.input": ServersInput(b"a=b")}
    del request["webob.is_body_seekable"]
    request |= {"CONTENT_TYPE": URL_ENCODED, "CONTENT_LENGTH": "4"}
    assert "cut short" in form_bounds.refusal(request)


PIECES = st.sampled_from(
    [
        b"--b",
        b"--b--",
        b"--b--b",
        b"-",
        b" ",
        b"\r\n",
        b"\n",
        b"\r",
        b"\x0b",
        b"x: y",
        b'Content-Disposition: form-data; name="f"; filename="g"',
        b"Content-Length: 5",
        b"Content-Type: multipart/mixed; boundary=b",
    ]
)


@given(st.lists(PIECES, max_size=40).map(b"".join))
def test_what_passes_has_no_more_parts_than_are_counted(body: bytes) -> None:
    """The theory of form_bounds: each part that cgi finds has been counted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(form_bounds, "MAXIMUM_UPLOAD_FIELDS", 3)
        patch.setattr(form_bounds, "MAXIMUM_PART_HEAD_BYTES", 120)
        request = environ(body)
        passes = form_bounds.refusal(request) == ""
    longest = 0

    class Counted(cgi_FieldStorage):  # type: ignore[misc]
        def __init__(self, fp: Any, headers: Any = None, *more: Any, **named: Any):
            nonlocal longest
            if headers is not None:
                # Not str(headers): that refuses what it takes for two headers in one.
                longest = max(longest, sum(map(len, sum(headers.raw_items(), ()))))
            super().__init__(fp, headers, *more, **named)

    try:
        parsed = Counted(io.BytesIO(body), environ=request)
    except (ValueError, TypeError):
        return
    if passes:
        assert len(parsed.list or ()) <= 3
        assert longest <= 140
