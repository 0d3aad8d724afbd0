"""What a Redis must be, told in one sentence to whoever starts a server."""

from __future__ import annotations

import sys

import pytest

from channelshim.broker.redis import clients
from channelshim.broker.redis.address import parse
from channelshim.broker.redis.clients import Topology, make_client, reach
from channelshim.errors import ConfigurationError
from tests.ports import free_port
from tests.redis_servers import RedisServer

SECRET = "pa55word-of-redis"


def refusal(url: str) -> str:
    """Return why a Redis is refused."""
    with pytest.raises(ConfigurationError) as raised:
        reach(parse(url), seconds=0)
    sentence = str(raised.value)
    assert SECRET not in sentence
    assert "\n" not in sentence
    return sentence


@pytest.mark.redis
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--maxmemory-policy", "allkeys-lru"), "evicts keys that must stay"),
        (("--rename-command", "SCRIPT", ""), "runs no scripts of Lua"),
        (("--replicaof", "127.0.0.1", "1"), "is a replica"),
        (("--requirepass", SECRET), "does not take the password"),
        (("--cluster-enabled", "yes"), "write redis+cluster://"),
    ],
)
def test_redis_of_the_wrong_kind_is_refused(
    options: tuple[str, ...], sentence: str
) -> None:
    redis = RedisServer(*options)
    try:
        assert sentence in refusal(redis.url)
    finally:
        redis.close()


@pytest.mark.redis
def test_redis_that_is_too_old_is_refused(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "LEAST_VERSION", (99, 1))
    assert "99.1 is the least" in refusal(redis_server.url)


@pytest.mark.redis
@pytest.mark.parametrize("kind", ["redis", "redis+cluster", "redis+sentinel"])
def test_redis_that_is_not_there_is_refused(kind: str) -> None:
    name = "/main" if kind == "redis+sentinel" else ""
    url = f"{kind}://me:{SECRET}@127.0.0.1:{free_port()}{name}"
    assert "cannot be used" in refusal(url)


@pytest.mark.redis
def test_sentinels_that_nobody_reaches_name_no_server() -> None:
    address = parse(f"redis+sentinel://127.0.0.1:{free_port()}/main")
    topology = Topology(address, make_client(address, 0.2))
    with pytest.raises(OSError, match="main"):
        topology.place_of("{cs:app/0}:e")


def test_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hiredis", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'channelshim\[redis\]'"):
        reach(parse("redis://localhost"), seconds=0)
