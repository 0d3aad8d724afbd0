"""URLs of servers: whether they hold a password, and what anybody may read."""

from __future__ import annotations

import pytest

from channelshim.contracts.server_urls import has_password, shown


@pytest.mark.parametrize(
    ("url", "visible"),
    [
        ("postgresql://ann:geheim@h:1/d", "postgresql://ann@h:1/d"),
        ("postgresql://ann:ge/h@eim@h/d?x=1", "postgresql://ann@h/d?x=1"),
        ("postgresql://:geheim@h", "postgresql://@h"),
        ("redis://:geheim@h:1?db=2", "redis://@h:1?db=2"),
        ("postgresql://ann@h/d?password=geheim", "postgresql://ann@h/d"),
        ("postgresql:///d?x=1&PASSWORD=geheim&y=2", "postgresql:///d?x=1&y=2"),
        ("postgresql:///d?sslpassword=geheim", "postgresql:///d"),
    ],
)
def test_password_is_found_and_not_shown(url: str, visible: str) -> None:
    assert has_password(url)
    assert shown(url) == visible


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann@h/d",
        "postgresql://h:1,i:2/d?target_session_attrs=any",
        "postgresql:///d?host=/tmp/x",
        "redis://[::1]:1",
    ],
)
def test_url_without_a_password_is_shown_as_it_is(url: str) -> None:
    assert not has_password(url)
    assert shown(url) == url


def test_what_is_no_url_is_not_shown() -> None:
    assert shown("host=h password=geheim") == "(not a URL)"
