"""How often one client address may do something."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.appserver import client_limits
from channelshim.appserver.client_limits import ClientLimit, limit_of
from channelshim.appserver.proxies import parse_networks

ANN, BOB = "192.0.2.1", "192.0.2.2"


class Clock:
    """Seconds that a test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_tries_may_come_at_once_and_fill_again() -> None:
    clock = Clock()
    limit = ClientLimit(6, "logins", clock=clock)
    assert [limit.wait(ANN) for _ in range(8)] == [0] * 6 + [10, 10]
    assert limit.wait(BOB) == 0
    clock.now += 9
    assert limit.wait(ANN) == 1
    clock.now += 1
    assert [limit.wait(ANN), limit.wait(ANN)] == [0, 10]
    clock.now += 3600
    assert [limit.wait(ANN) for _ in range(7)] == [0] * 6 + [10]


@given(
    st.integers(1, 30),
    st.lists(st.tuples(st.floats(0, 40), st.sampled_from([ANN, BOB])), max_size=80),
)
def test_no_minute_has_more_than_twice_as_many(
    per_minute: int, tries: list[tuple[float, str]]
) -> None:
    clock = Clock()
    limit = ClientLimit(per_minute, "logins", clock=clock)
    taken: list[tuple[float, str]] = []
    for pause, address in tries:
        clock.now += pause
        seconds = limit.wait(address)
        assert 0 <= seconds <= 61
        if not seconds:
            taken.append((clock.now, address))
    for begun, address in taken:
        within = [at for at, other in taken if other == address and at >= begun]
        assert sum(at < begun + 60 for at in within) <= 2 * per_minute


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1"])
def test_this_machine_is_not_limited(address: str) -> None:
    limit = ClientLimit(1, "logins")
    assert [limit.wait(address) for _ in range(5)] == [0] * 5


def test_one_network_of_ipv6_is_one_client() -> None:
    limit = ClientLimit(1, "logins")
    assert limit.wait("2001:db8::1") == 0
    assert limit.wait("2001:db8::ffff:1") > 0
    assert limit.wait("2001:db8:0:1::1") == 0
    assert limit.wait(f"::ffff:{ANN}") == 0
    assert limit.wait(ANN) > 0
    assert limit.wait("") == 0
    assert limit.wait("odd") > 0


def test_clients_of_a_proxy_that_nobody_has_named_are_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    limit = ClientLimit(1, "connects")
    assert limit.wait("127.0.0.1", "203.0.113.9") == 0
    assert limit.wait("127.0.0.1", "203.0.113.10") > 0
    assert limit.wait("10.0.0.1", BOB) > 0
    assert limit.wait("127.0.0.1") == 0
    assert "from clients of a proxy that nobody has named are refused" in caplog.text


def test_a_trusted_proxy_that_names_nobody_stands_for_one_client() -> None:
    limit = ClientLimit(1, "connects", parse_networks(["127.0.0.1"]))
    assert limit.wait("127.0.0.1", "unknown") == 0
    assert limit.wait("127.0.0.1", f"{ANN}, unknown") > 0
    assert limit.wait("127.0.0.1", ANN) == 0


def test_a_trusted_proxy_says_who_the_client_is() -> None:
    limit = ClientLimit(1, "connects", parse_networks(["127.0.0.1", "10.0.0.0/8"]))
    assert limit.wait("127.0.0.1", ANN) == 0
    assert limit.wait("10.1.1.1", f"{BOB}, {ANN}") > 0
    assert limit.wait("10.1.1.1", BOB) == 0
    # Nobody else does.
    assert limit.wait("198.51.100.1", "203.0.113.1") == 0
    assert limit.wait("198.51.100.1", "203.0.113.2") > 0


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_limits, "MOST_ADDRESSES", 3)
    limit = ClientLimit(1, "logins")
    addresses = [f"192.0.2.{number}" for number in range(1, 5)]
    assert [limit.wait(each) for each in addresses] == [0] * 4
    assert len(limit._buckets) == 3
    assert limit.wait(addresses[-1]) > 0
    assert limit.wait(addresses[0]) == 0


def test_a_refusal_is_logged_once_in_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    limit = ClientLimit(1, "logins", clock=clock)
    for _ in range(5):
        limit.wait(ANN)
    assert caplog.text.count("too many logins from 192.0.2.1 are refused") == 1
    clock.now += 59
    limit.wait(ANN)
    limit.wait(ANN)
    assert caplog.text.count("too many logins") == 1
    clock.now += 2
    for _ in range(5):
        limit.wait(ANN)
    assert caplog.text.count("too many logins") == 2


def test_no_tries_in_a_minute_mean_any_number() -> None:
    assert limit_of(0, "logins") is None
    assert limit_of(1, "logins") is not None
