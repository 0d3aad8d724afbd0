"""Case 91: a page may report itself gone, and nobody else."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlencode

import pytest

from channelshim import limits
from channelshim.appserver.page_reports import PageReports
from channelshim.contracts.identity import User, user_id_of
from channelshim.protocol.tokens import TokenClaims, TokenSigner

ANN = User("ann@example.com", False, user_id_of("ann@example.com"))
SIGNER = TokenSigner([b"s" * 32])


class Clock:
    def time(self) -> float:
        return 1000.0

    def monotonic(self) -> float:
        return 0.0


REPORTS = PageReports(SIGNER, Clock())


def token_of(client_id: str, expires_at: int = 2000) -> str:
    return SIGNER.sign(TokenClaims(client_id, expires_at, 0, b"n" * 8))


def post(body: bytes | Any, **changes: Any) -> dict[str, Any]:
    raw = body if isinstance(body, bytes) else urlencode(body).encode("ascii")
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": limits.PATH_DISCONNECTED,
        "QUERY_STRING": "",
        "CONTENT_TYPE": "application/x-www-form-urlencoded;charset=UTF-8",
        "CONTENT_LENGTH": str(len(raw)),
        "wsgi.input": io.BytesIO(raw),
        **changes,
    }


@pytest.mark.parametrize("client_id", [ANN.user_id, ANN.email])
def test_case_091_login_speaks_for_its_own_id(client_id: str) -> None:
    environ = post({"from": client_id})
    assert REPORTS.admits(environ, ANN)
    # The app reads it again.
    assert environ["wsgi.input"].read() == urlencode({"from": client_id}).encode()
    assert not REPORTS.admits(post({"from": client_id}), None)
    other = User("bob@gmail.com", True, user_id_of("bob@gmail.com"))
    assert not REPORTS.admits(post({"from": client_id}), other)


@pytest.mark.parametrize("client_id", ["room/1", "zoë", "a&b+c"])
def test_case_091_token_speaks_for_its_own_id(client_id: str) -> None:
    form = {"from": client_id, "token": token_of(client_id)}
    assert REPORTS.admits(post(form), None)
    assert not REPORTS.admits(post({**form, "from": "another"}), None)
    assert not REPORTS.admits(post({**form, "token": "nonsense"}), None)
    expired = {**form, "token": token_of(client_id, expires_at=1)}
    assert not REPORTS.admits(post(expired), None)


@pytest.mark.parametrize(
    "environ",
    [
        post({"from": ANN.email}, REQUEST_METHOD="GET"),
        post({"from": ANN.email}, PATH_INFO=limits.PATH_CONNECTED),
        post({"from": ANN.email}, PATH_INFO=limits.PATH_DISCONNECTED[:-1]),
        post({"from": ANN.email}, QUERY_STRING="from=bob"),
        post({"from": ANN.email}, QUERY_STRING="f%72om=bob"),
        post({"from": ANN.email}, CONTENT_TYPE="multipart/form-data; boundary=b"),
        post({"from": ANN.email}, CONTENT_TYPE=""),
        post({"from": ANN.email}, CONTENT_LENGTH=""),
        post({"from": ANN.email}, CONTENT_LENGTH="-1"),
        post({"from": ANN.email}, CONTENT_LENGTH="\u0663"),
        post({"from": ANN.email}, CONTENT_LENGTH="999999999"),
        post([("from", ANN.email), ("from", "bob")]),
        post([("x", str(number)) for number in range(50)]),
        post(b"from=\xff"),
        post(b""),
    ],
)
def test_all_else_is_refused(environ: dict[str, Any]) -> None:
    assert not REPORTS.admits(environ, ANN)
