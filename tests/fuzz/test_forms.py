"""Forms: what passes the bounds is parsed in time, and holds no more than they say.

An input is the Content-Type, a line end, and the body.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

from hypothesis import strategies as st
from webob import Request

from channelshim.appserver import form_bounds
from channelshim.appserver.blobs.upload_form import FormError, Part, read_form
from tests.fuzz.fuzzing import Fuzz, fuzzed

WORDS = [
    b"--b",
    b"--b--",
    b"\r\n--b\r\n",
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"Content-Disposition: form-data; ",
    b'filename="',
    b"name*=utf-8''%c3",
    b"Content-Length: -1\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"; charset=nonsense",
    b"; charset=utf-7",
    b"\\",
    b'"',
    b"\0",
    b"\xff",
    b"&" * 9,
]

MALFORMED = (ValueError, LookupError, DeprecationWarning)
"""What WebOb raises in the app, for charsets that there are not and odd heads."""


def environ(data: bytes) -> dict[str, Any]:
    content_type, _, body = data.partition(b"\n")
    return {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": content_type.decode("latin-1").rstrip(" \t\r"),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "webob.is_body_seekable": True,
    }


def forward(parts: list[Part]) -> None:
    """Look at what an upload would hand on."""
    for part in parts:
        for value in (part.filename, part.content_type, part.name):
            value.encode("utf-8")
        assert "\n" not in part.content_type
        assert "\r" not in part.content_type
        if part.file is not None:
            assert len(part.file.read()) == part.size
        part.close()


@st.composite
def multipart(draw: st.DrawFn) -> bytes:
    heads = draw(st.lists(st.sampled_from(WORDS), max_size=12))
    start = b"multipart/form-data; boundary=b\n--b\r\n"
    return start + b"".join(heads) + draw(st.sampled_from((b"", b"\r\n--b--\r\n")))


@fuzzed("forms", 150)
def test_form_that_passes_can_be_read(fuzz: Fuzz) -> None:
    def claim(data: bytes) -> None:
        request = environ(data)
        body = request["wsgi.input"].getvalue()
        if form_bounds.refusal(request):
            return
        assert request["wsgi.input"].read() == body
        request["wsgi.input"].seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                fields = Request(dict(request)).POST
            except MALFORMED:
                fields = {}
            assert len(fields) <= max(form_bounds.MAXIMUM_FORM_FIELDS, len(body))
            request["wsgi.input"].seek(0)
            try:
                forward(read_form(request))
            except FormError:
                return

    fuzz.check(claim, multipart(), words=WORDS)
