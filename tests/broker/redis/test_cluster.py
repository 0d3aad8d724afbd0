"""Channels on a cluster of six servers: three shards and more, and one that dies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from channelshim.broker.redis import session
from channelshim.broker.redis.address import parse
from channelshim.broker.redis.examining import examine
from channelshim.contracts.examination import Verdict
from tests.broker.redis.conftest import Fronts
from tests.redis_servers import RedisCluster

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    servers = RedisCluster()
    yield servers
    servers.close()


@pytest.fixture
def fronts(
    cluster: RedisCluster,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Fronts]:
    # Longer than a cluster takes to choose another master.
    monkeypatch.setattr(session, "FENCE_SECONDS", 60.0)
    opened = Fronts(cluster.servers[0], request.node.name, cluster.url)
    yield opened
    opened.close()


def test_channels_are_spread_over_a_cluster(
    fronts: Fronts, cluster: RedisCluster
) -> None:
    first, second = fronts(), fronts()
    ids = [f"id{number}" for number in range(60)]
    for name in ids:
        first.open_page(name)
    fronts.run_until(lambda: len(first.numbers) == 60 and len(first.told) == 60)
    for number in range(20):
        for name in ids:
            second.broker.publish(name, f"text {number}")
    texts = [f"text {number}" for number in range(20)]
    fronts.run_until(lambda: all(len(first.got[name]) >= 20 for name in ids))
    assert all(first.got[name] == texts for name in ids)
    assert len(first.broker._shards.all) == 16
    # Each of the three has some of it.
    assert all(server.client().dbsize() > 0 for server in cluster.servers[:3])
    assert [each.client_id for each in second.broker.known_ids("", 100)] == sorted(ids)


def test_cluster_is_examined_server_by_server(cluster: RedisCluster) -> None:
    found = examine(parse(cluster.url), "app", "broker")
    assert [each for each in found if each.verdict is Verdict.WRONG] == []
    versions = [each.sentence for each in found if each.subject == "version"]
    assert len(versions) == 3
    assert {each.partition(": ")[0] for each in versions} == {
        f"127.0.0.1:{port}" for port in cluster.ports[:3]
    }
    (state,) = (each for each in found if each.subject == "cluster")
    assert "3 masters" in state.sentence
    assert examine(parse(cluster.url), "app", "memcache")[-1].verdict is Verdict.FINE


@pytest.mark.failures
def test_one_that_dies_is_replaced_by_its_replica(
    fronts: Fronts, cluster: RedisCluster
) -> None:
    first, second = fronts(), fronts()
    ids = [f"id{number}" for number in range(60)]
    for name in ids:
        first.open_page(name)
    fronts.run_until(lambda: len(first.numbers) == 60)
    cluster.servers[0].kill()
    for number in range(5):
        for name in ids:
            second.broker.publish(name, f"text {number}")
    texts = [f"text {number}" for number in range(5)]
    fronts.run_until(lambda: all(len(first.got[name]) >= 5 for name in ids), 60)
    fronts.settle()
    assert all(first.got[name] == texts for name in ids)
    assert first.gaps == []
    assert (first.losses, second.losses) == (0, 0)
