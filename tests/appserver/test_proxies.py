"""Forwarded headers count only from proxies that a setting names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.appserver.proxies import parse_networks, settle_client
from channelshim.errors import ConfigurationError

PROXIES = parse_networks(["10.0.0.0/8", "::1"])


def settled(peer: str, **headers: str) -> tuple[str, str, list[str]]:
    environ = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "http", **headers}
    settle_client(environ, PROXIES)
    left = [key for key in environ if key.startswith("HTTP_")]
    return environ["REMOTE_ADDR"], environ["wsgi.url_scheme"], left


def test_stranger_is_not_believed() -> None:
    for name in ("X_FORWARDED_FOR", "X_FORWARDED_PROTO", "FORWARDED", "X_REAL_IP"):
        found = settled("192.0.2.1", **{f"HTTP_{name}": "https"})
        assert found == ("192.0.2.1", "http", [])
    found = settled("192.0.2.1", HTTP_X_FORWARDED_FOR="198.51.100.7")
    assert found[0] == "192.0.2.1"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("1.1.1.1, 198.51.100.7", "198.51.100.7"),
        ("1.1.1.1, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("0.1.0.10", "10.0.0.1"),
        ("::ffff:0.1.0.10", "10.0.0.1"),
        ("198.51.100.7, 0.1.0.2", "10.0.0.1"),
        ("198.51.100.7, nonsense", "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
def test_last_hop_that_is_no_proxy_is_the_client(forwarded: str, client: str) -> None:
    assert settled("10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)[0] == client


@pytest.mark.parametrize(
    ("said", "scheme"), [("https", "https"), ("http, HTTPS", "https"), ("ftp", "http")]
)
def test_scheme_is_the_last_one_said(said: str, scheme: str) -> None:
    assert settled("::1", HTTP_X_FORWARDED_PROTO=said)[1] == scheme


@given(st.text())
def test_any_header_is_read(text: str) -> None:
    peer, scheme, left = settled(
        "10.0.0.1", HTTP_X_FORWARDED_FOR=text, HTTP_X_FORWARDED_PROTO=text
    )
    assert not peer.startswith("0.")
    assert scheme in ("http", "https")
    assert left == []


def test_setting_that_is_no_network_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"10\.0\.0\.0/99"):
        parse_networks(["10.0.0.0/99"])
