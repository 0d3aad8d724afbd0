"""The server's own pages tell the app's inside to this machine alone."""

from __future__ import annotations

import pytest
from webtest import TestApp

from channelshim.appserver.error_pages import broken_app

REASON = "no module named <nothing>"


@pytest.mark.parametrize(
    ("address", "host", "is_told"),
    [
        ("127.0.0.1", "localhost:8080", True),
        ("::1", "[::1]:8080", True),
        ("192.0.2.1", "localhost:8080", False),
        # What a proxy on this machine passes on.
        ("127.0.0.1", "chat.example", False),
    ],
)
def test_reason_is_told_on_this_machine(address: str, host: str, is_told: bool) -> None:
    client = TestApp(broken_app(REASON), extra_environ={"REMOTE_ADDR": address})
    answer = client.get("/any/path", headers={"Host": host}, status=500)
    assert ("no module named &lt;nothing&gt;" in answer.text) == is_told
    assert "does not start" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
