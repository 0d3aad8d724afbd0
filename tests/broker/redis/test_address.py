"""What a person writes as the URL of a Redis."""

from __future__ import annotations

import pytest

from channelshim.broker.redis.address import Address, parse
from channelshim.errors import ConfigurationError

SECRET = "s3:cr@t/"
QUOTED = "s3%3Acr%40t%2F"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://localhost", Address("plain", (("localhost", 6379),))),
        ("redis://", Address("plain", (("localhost", 6379),))),
        ("redis://[::1]:7000/3", Address("plain", (("::1", 7000),), database=3)),
        (
            f"rediss://me:{QUOTED}@host:1/0",
            Address(
                "plain",
                (("host", 1),),
                username="me",
                password=SECRET,
                is_tls=True,
            ),
        ),
        (
            "redis+unix:///run/redis.sock?db=2",
            Address("plain", (), "/run/redis.sock", 2),
        ),
        (
            "redis+sentinel://a,b:7/main/1",
            Address("sentinel", (("a", 26379), ("b", 7)), database=1, service="main"),
        ),
        (
            "redis+cluster://a:1,b:2",
            Address("cluster", (("a", 1), ("b", 2))),
        ),
    ],
)
def test_url_says_where_a_redis_is(url: str, address: Address) -> None:
    found = parse(url)
    for name in ("kind", "hosts", "path", "database", "username", "password"):
        assert getattr(found, name) == getattr(address, name), name
    assert (found.service, found.is_tls) == (address.service, address.is_tls)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("localhost:6379", "must be the URL of a Redis"),
        ("http://localhost", "must be the URL of a Redis"),
        ("redis://localhost/db", "must be a number"),
        ("redis://localhost:port", "the port of localhost"),
        ("redis://localhost:0", "the port of localhost"),
        ("redis://localhost?colour=red", "an option that is not known: colour"),
        ("redis+sentinel://localhost", "name the master"),
        ("redis+cluster://localhost/1", "a cluster has no databases"),
        ("redis://[::1", "must be the URL of a Redis"),
    ],
)
def test_wrong_url_is_one_sentence(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as raised:
        parse(url)
    assert str(raised.value).startswith("broker ")


@pytest.mark.parametrize(
    "url",
    [
        f"redis://me:{QUOTED}@host:wrong",
        f"redis://me:{QUOTED}@host/wrong",
        f"ftp://me:{QUOTED}@host",
        f"redis+sentinel://me:{QUOTED}@host",
    ],
)
def test_error_never_shows_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse(url)
    assert "s3" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["redis", "redis+cluster"])
def test_neither_text_nor_repr_shows_the_password(scheme: str) -> None:
    address = parse(f"{scheme}://me:{QUOTED}@host:5")
    assert "s3" not in f"{address} {address!r}"
    assert "host:5" in str(address)


def test_tls_options_are_the_drivers() -> None:
    address = parse("rediss://h?ssl_ca_certs=/ca.pem&ssl_check_hostname=no")
    assert address.tls_options() == {
        "ssl_ca_certs": "/ca.pem",
        "ssl_check_hostname": False,
    }
    assert parse("rediss+sentinel://h/m?sentinel_auth=yes").has_sentinel_auth
    assert not parse("rediss+sentinel://h/m").has_sentinel_auth
