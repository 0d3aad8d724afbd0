"""The access log says who asked what, and no token."""

from __future__ import annotations

import logging
import string

import pytest
from hypothesis import strategies as st

from channelshim.appserver import access_log
from channelshim.appserver.access_log import AccessLog
from channelshim.protocol.tokens import TokenClaims, TokenSigner
from tests.exploring import Cases, explored


def log_of(caplog: pytest.LogCaptureFixture, target: str) -> list[str]:
    caplog.set_level(logging.INFO, "channelshim.access")
    AccessLog().note("192.0.2.1", "GET", target, 204)
    return caplog.messages


def test_request_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    assert log_of(caplog, "/a?b=c") == ['192.0.2.1 "GET /a?b=c" 204']


def test_query_of_a_channel_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    messages = log_of(caplog, "/_ah/channel/poll?token=secret")
    assert messages == ['192.0.2.1 "GET /_ah/channel/poll" 204']


@pytest.mark.parametrize(
    "path",
    [
        "//_ah/channel/poll",
        "/_ah//channel/poll",
        "/_ah/channel/%70oll",
        "/%5Fah/channel",
        "/%255Fah/channel/poll",
        "/_AH/Channel/poll",
        "/x/../_ah/channel/poll",
        "/_ah/channel;x/poll",
        "/_ah%5Cchannel/poll",
    ],
)
def test_query_of_a_channel_is_left_out_in_any_spelling(
    caplog: pytest.LogCaptureFixture, path: str
) -> None:
    (line,) = log_of(caplog, f"{path}?token=secret")
    assert "secret" not in line


@pytest.mark.parametrize(
    "address", ["/chat?token={}", "/chat/{}", "/chat?a=b&t={}&c", "/?u=http%3A%2F%2F{}"]
)
def test_token_is_left_out_anywhere(
    caplog: pytest.LogCaptureFixture, address: str
) -> None:
    claims = TokenClaims("ann", 2_000_000_000, 1, b"12345678")
    token = TokenSigner([b"secret"]).sign(claims)
    (line,) = log_of(caplog, address.format(token))
    assert token not in line
    assert line.startswith('192.0.2.1 "GET /')
    (line,) = log_of(caplog, address.format(token.replace(".", "%2E")))[1:]
    assert token[-20:] not in line


def test_long_address_is_cut_and_read_once(caplog: pytest.LogCaptureFixture) -> None:
    # A search that begins anew at each character would take hours.
    (line,) = log_of(caplog, f"/chat?{'a' * 5_000_000}")
    assert line == f'192.0.2.1 "GET /chat?{"a" * 2042}..." 204'


def test_nothing_is_made_that_nobody_reads(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "describe", None)
    caplog.set_level(logging.WARNING, "channelshim.access")
    AccessLog().note("192.0.2.1", "GET", "/", 204)
    assert caplog.messages == []


def test_line_break_makes_no_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "channelshim.access")
    AccessLog().note("", "G\nT", "/?a\r\nb", 204)
    assert caplog.messages == ['- "G?T /?a??b" 204']


def test_size_and_time_of_the_answer_come_last(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "channelshim.access")
    AccessLog().note("192.0.2.1", "GET", "/", 200, 5, 0.0123)
    # Of a stream nobody knows the size yet.
    AccessLog().note("192.0.2.1", "GET", "/", 200, -1, 2.0)
    assert caplog.messages == [
        '192.0.2.1 "GET /" 200 5 12.3ms',
        '192.0.2.1 "GET /" 200 - 2000.0ms',
    ]


def test_quotation_mark_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert log_of(caplog, '/" 200 x') == ['192.0.2.1 "GET /%22 200 x" 204']


TARGETS = st.lists(
    st.one_of(
        st.sampled_from(["/", "/_ah", "/_AH/", "_ah/channel", "upload", "%", "%5F"]),
        st.sampled_from(["?", "\\", ";", '"', "..", "\x00", "\x7f", "\xa0", "\xe9"]),
        st.integers(30, 50).map(lambda size: "t" * size),
        st.just("."),
        st.text(string.printable, max_size=5),
    ),
    max_size=8,
).map(lambda parts: "/" + "".join(parts))


@explored(500, 50_000)
def test_target_that_is_plain_is_what_cleaning_leaves(cases: Cases) -> None:
    def claim(target: str) -> None:
        if access_log._is_plain(target):
            assert access_log._cleaned(target) == target

    cases.check(claim, TARGETS)


@pytest.mark.parametrize("path", ["/_ah/upload/secret?a=b", "/_ah/%75pload/secret"])
def test_end_of_an_upload_address_is_left_out(
    caplog: pytest.LogCaptureFixture, path: str
) -> None:
    (line,) = log_of(caplog, path)
    assert line.partition("?")[0].startswith('192.0.2.1 "GET /_ah/upload/...')
    assert "secret" not in line
