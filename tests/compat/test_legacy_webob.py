"""Headers of WebOb that take bytes are otherwise called as WebOb's own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from webob.headers import ResponseHeaders

from channelshim.compat.legacy_str import legacy_str
from channelshim.compat.legacy_webob import patch_headers


def new_headers() -> Any:
    """Return headers of a class that was changed, and is nobody else's."""
    module = SimpleNamespace(
        ResponseHeaders=type("ResponseHeaders", (ResponseHeaders,), {})
    )
    patch_headers(module)
    return module.ResponseHeaders()


def test_bytes_go_out_as_they_are() -> None:
    headers = new_headers()
    bytes_ = legacy_str("é".encode())
    headers[legacy_str(b"X-A")] = bytes_
    headers.add("X-B", bytes_)
    assert headers.setdefault("X-C", bytes_) == "Ã©"
    assert list(headers.items()) == [("X-A", "Ã©"), ("X-B", "Ã©"), ("X-C", "Ã©")]
    assert {type(text) for item in headers.items() for text in item} == {str}


def test_a_header_without_a_value_is_refused_at_the_call() -> None:
    headers = new_headers()
    with pytest.raises(TypeError, match="value"):
        headers.add("X-A")
    assert list(headers.items()) == []
    headers.add(key="X-A", value="a")
    assert headers["x-a"] == "a"


def test_setdefault_takes_the_name_that_webob_gives_it() -> None:
    headers = new_headers()
    assert headers.setdefault("X-A", default="a") == "a"
    assert headers.setdefault("x-a", "b") == "a"
    assert headers.setdefault("X-B") is None
