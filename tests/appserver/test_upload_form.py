"""Upload forms as anybody may send them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.appserver.blobs.upload_form import (
    FormError,
    ForwardedForm,
    Part,
    read_form,
)
from channelshim.services.blobstore import StoredBlob

KIND = "multipart/form-data; boundary=b"


def environ(body: bytes, content_type: str = KIND) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "QUERY_STRING": "query=no",
        "wsgi.input": io.BytesIO(body),
    }


def part(name: str, value: bytes, *headers: str) -> bytes:
    lines = [f'--b\r\nContent-Disposition: form-data; name="{name}"', *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + value + b"\r\n"


PIECES = st.sampled_from(
    [
        b"--b",
        b"--b--",
        b"\r\n",
        b"\n",
        b"Content-Disposition: form-data; ",
        b'name="f"',
        b'; filename="x"',
        b'; filename=""',
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: message/external-body; blob-key=k\r\n",
        b"Content-Type: a/b; c=\xff\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: -1\r\n",
        b"\0",
    ]
)
KINDS = st.sampled_from(
    [
        KIND,
        "multipart/form-data",
        'multipart/form-data; boundary="\xff"',
        "multipart/mixed; boundary=b",
        "application/x-www-form-urlencoded",
        "message/rfc822",
        "text/plain",
        "",
        ";",
    ]
)


@given(st.lists(PIECES | st.binary(max_size=9), max_size=30), KINDS)
def test_any_body_is_a_form_or_refused(pieces: list[bytes], kind: str) -> None:
    try:
        parts = read_form(environ(b"".join(pieces), kind))
    except FormError:
        return
    form = ForwardedForm("2020-01-01 00:00:00.000000")
    for each in parts:
        if each.file is None:
            form.add_text(each)
        else:
            form.add_file(each, StoredBlob("key", each.size, "0" * 32))
    again = read_form(environ(form.finish(), form.content_type))
    files = [each for each in again if each.file is not None]
    assert len(files) == len([each for each in parts if each.file is not None])
    assert {each.content_type.partition(";")[0] for each in files} <= {
        "message/external-body"
    }
    assert [each.text for each in again if each.file is None] == [
        each.text for each in parts if each.file is None
    ]


@given(st.text(max_size=50), st.text(max_size=50))
def test_no_name_ends_its_header(name: str, filename: str) -> None:
    kept = Part(name, b"", io.BytesIO(), filename or "f", "a/b", 0)
    form = ForwardedForm("2020-01-01 00:00:00.000000")
    try:
        form.add_file(kept, StoredBlob("key", 0, "0" * 32))
    except UnicodeEncodeError:
        pytest.fail("a name that read_form lets through cannot be written")
    (again,) = read_form(environ(form.finish(), form.content_type))
    assert again.content_type.startswith("message/external-body")


def test_query_is_no_part_of_the_form() -> None:
    (only,) = read_form(environ(part("text", b"value") + b"--b--\r\n"))
    assert (only.name, only.text) == ("text", b"value")


def test_large_files_are_on_disk() -> None:
    body = part("file", b"x" * 100_000).replace(b'"file"', b'"file"; filename="f"')
    (only,) = read_form(environ(body + b"--b--\r\n"))
    assert only.file is not None
    assert only.file.fileno() > 0
    assert only.size == 100_000
    only.close()
    assert only.file.closed
