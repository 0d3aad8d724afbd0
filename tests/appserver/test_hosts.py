"""What a Host header may say: one rule, set by the door."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.appserver.hosts import (
    ANY_NAME,
    REFUSED_HOSTS_LOGGED,
    HostRule,
    RefusalLog,
    is_local_or_named,
)

CLOSED = HostRule(frozenset({"chat.example.com"}))
REMOTE = HostRule(frozenset({"box", "chat.example.com"}), takes_addresses=True)
EMBEDDED = HostRule(is_open_elsewhere=True)
HERE, THERE = "127.0.0.1", "192.0.2.1"

LOCAL = ("localhost", "LOCALHOST:80", "a.localhost", "localhost.", "127.9.9.9:8080")
IPV6 = ("[::1]", "[::1]:8080", "[::ffff:127.0.0.1]")
FOREIGN = (
    *("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.local"),
    *("chat.example.com.evil.example", "a b", "x@localhost", "localhost/x", "[::1"),
    *("localhost:99999x", ":80", "*", "x" * 300 + ".localhost", "::1", "0x7f.1"),
)


@pytest.mark.parametrize("peer", [HERE, THERE, "::1", ""])
@pytest.mark.parametrize("rule", [CLOSED, REMOTE, EMBEDDED, HostRule()])
def test_names_of_loopback_are_served(rule: HostRule, peer: str) -> None:
    for host in (*LOCAL, *IPV6, ""):
        assert rule.refusal(host, peer) == "", host


@pytest.mark.parametrize("rule", [CLOSED, REMOTE, HostRule()])
def test_foreign_names_are_not(rule: HostRule) -> None:
    for host in FOREIGN:
        for peer in (HERE, THERE):
            assert "--allowed-hosts" in rule.refusal(host, peer), host
    for host in FOREIGN:
        assert EMBEDDED.refusal(host, HERE), host
        assert EMBEDDED.refusal(host, THERE) == "", host


def test_allowed_names_are_served_with_any_port() -> None:
    for host in ("chat.example.com", "Chat.Example.com:443"):
        assert CLOSED.refusal(host, HERE) == ""
        assert EMBEDDED.refusal(host, HERE) != ""
    for host in FOREIGN:
        assert HostRule(frozenset({ANY_NAME})).refusal(host, HERE) == ""
        assert not is_local_or_named(host, {ANY_NAME})


@pytest.mark.parametrize("host", ["192.0.2.7", "192.0.2.7:80", "[2001:db8::1]:8080"])
def test_address_cannot_be_pointed_elsewhere(host: str) -> None:
    assert REMOTE.refusal(host, THERE) == ""
    assert CLOSED.refusal(host, HERE) != ""


@given(st.text(), st.sampled_from([CLOSED, REMOTE, EMBEDDED]), st.text())
def test_any_header_is_judged(host: str, rule: HostRule, peer: str) -> None:
    sentence = rule.refusal(host, peer)
    assert sentence.isprintable()
    assert len(sentence) < 400
    # As it is without what is remembered.
    assert rule.refusal(host, peer) == sentence


def test_refusals_are_logged_once_and_not_for_ever(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = RefusalLog()
    for _ in range(2):
        for host in ("localhost", *(f"{n}.example" for n in range(100))):
            log.add(HostRule().refusal(host, HERE))
    assert len(caplog.messages) == REFUSED_HOSTS_LOGGED
    assert "'0.example'" in caplog.messages[0]
    assert "--allowed-hosts" in caplog.messages[0]
