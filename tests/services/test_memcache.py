"""memcache in the store: the SDK's client works, in one process and in several."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.appengine.api import apiproxy_stub_map, memcache
from google.appengine.api.memcache import memcache_stub

from channelshim.services.memcache import MemcacheService
from channelshim.services.stored_memcache import StoredMemcache
from channelshim.store.sqlite.state import SqliteStore
from tests.store.backends import (
    ENGINES,
    give_back_schema,
    open_postgres,
    shared_server,
    take_schema,
)

ROOT = Path(__file__).resolve().parents[2]
NOW = 1_700_000_000.0

COUNT = """
import os, pathlib, sys
os.environ["APPLICATION_ID"] = "dev~app"
from google.appengine.api import apiproxy_stub_map, memcache
from channelshim.services.memcache import MemcacheService
from channelshim.services.stored_memcache import StoredMemcache
from channelshim.store.sqlite.state import SqliteStore
from tests.store.backends import open_postgres_url
if "://" in sys.argv[1]:
    store = open_postgres_url(*sys.argv[1].split("#"))
else:
    store = SqliteStore(pathlib.Path(sys.argv[1]), takes_lease=False)
apiproxy_stub_map.apiproxy.RegisterStub(
    "memcache", MemcacheService(StoredMemcache(store.cache)))
for _ in range(100):
    assert memcache.incr("n", initial_value=0) is not None
"""


class Clock:
    now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def register(monkeypatch, service):
    proxy = apiproxy_stub_map.APIProxyStubMap()
    proxy.RegisterStub("memcache", service)
    monkeypatch.setattr(apiproxy_stub_map, "apiproxy", proxy)


@pytest.fixture(
    autouse=True,
    params=["store", pytest.param("redis", marks=pytest.mark.redis)],
)
def service(request, monkeypatch, open_store, clock):
    monkeypatch.setenv("APPLICATION_ID", "dev~app")
    if request.param == "store":
        service = MemcacheService(StoredMemcache(open_store(clock=clock).cache))
        register(monkeypatch, service)
        yield service
        return
    with pytest.MonkeyPatch.context() as stepped:
        memcache = redis_memcache(request, stepped, clock)
        service = MemcacheService(memcache)
        register(monkeypatch, service)
        yield service
        memcache.close()


def redis_memcache(request, monkeypatch, clock):
    """Return a cache on the tests' Redis, whose time is the clock's."""
    from channelshim.broker.redis.address import parse
    from channelshim.broker.redis.cache import RedisMemcache
    from tests.broker import over_redis

    over_redis.step_time_in_redis(monkeypatch)
    request.addfinalizer(lambda: over_redis.let_time_be(monkeypatch))
    server = request.getfixturevalue("redis_server")
    client = server.client()
    app = request.node.name

    class Stepped(RedisMemcache):
        def _asked(self, run):
            client.set(f"{{cm:{app}/0}}:{over_redis.CLOCK}", int(clock.now * 1e6))
            return super()._asked(run)

    return Stepped(parse(server.url), app)


def test_values_of_all_kinds_come_back():
    values = {"t": "é", "b": b"\x00\xff", "i": 7, "n": None, "l": [1, "a"], "o": True}
    assert memcache.set_multi(values) == []
    assert memcache.get_multi([*values, "absent"]) == values


def test_namespaces_are_apart():
    memcache.set("k", 1, namespace="n")
    assert memcache.get("k") is None
    assert memcache.get("k", namespace="n") == 1


def test_add_and_replace_look_first():
    assert not memcache.replace("k", 1)
    assert memcache.add("k", 1)
    assert not memcache.add("k", 2)
    assert memcache.replace("k", 3)
    assert memcache.get("k") == 3


@pytest.mark.parametrize("time", [10, NOW + 10])
def test_value_expires(clock, time):
    memcache.set("k", 1, time=int(time))
    clock.now += 9
    assert memcache.get("k") == 1
    clock.now += 1
    assert memcache.get("k") is None
    assert memcache.add("k", 2)


def test_deleted_key_stays_locked_for_its_seconds(clock):
    memcache.set("k", 1)
    assert memcache.delete("k", seconds=5)
    assert memcache.get("k") is None
    assert not memcache.add("k", 2)
    clock.now += 5
    assert memcache.add("k", 2)


def test_lock_gives_way_to_set():
    memcache.set("k", 1)
    memcache.delete("k", seconds=5)
    assert memcache.set("k", 2)
    assert memcache.get("k") == 2


def test_deleting_what_is_not_there_says_so():
    assert memcache.delete("k") == memcache.DELETE_ITEM_MISSING


def test_compare_and_set_refuses_what_changed():
    client, other = memcache.Client(), memcache.Client()
    client.set("k", 1)
    assert client.gets("k") == 1
    assert other.gets("k") == 1
    assert other.cas("k", 2)
    assert not client.cas("k", 3)
    assert memcache.get("k") == 2


def test_counters():
    assert memcache.incr("n") is None
    assert memcache.incr("n", initial_value=5) == 6
    assert memcache.decr("n", delta=10) == 0
    memcache.set("t", "text")
    assert memcache.incr("t") is None
    assert memcache.offset_multi({"n": 2, "absent": 1}) == {"n": 2, "absent": None}


def test_counter_wraps_as_64_bits():
    memcache.set("n", (1 << 64) - 1)
    assert memcache.incr("n") == 0


def test_statistics_and_flush(clock):
    memcache.set("abc", b"12345")
    clock.now += 3
    memcache.get("abc")
    memcache.get("absent")
    stats = memcache.get_stats()
    assert stats["hits"] == stats["misses"] == stats["items"] == 1
    assert stats["oldest_item_age"] == 3
    assert stats["bytes"] > 0
    assert memcache.flush_all()
    stats = memcache.get_stats()
    assert stats["items"] == stats["bytes"] == stats["hits"] == 0


def test_cache_is_bounded_and_the_newest_stay(monkeypatch, open_store, clock):
    cache = open_store(clock=clock, cache_bytes=100_000).cache
    register(monkeypatch, MemcacheService(StoredMemcache(cache)))
    for number in range(300):
        clock.now += 1
        memcache.set(f"k{number}", b"x" * 1000)
    assert memcache.get("k299") is not None
    assert memcache.get("k0") is None
    assert memcache.get_stats()["bytes"] <= 100_000


def test_expired_give_way_first(monkeypatch, open_store, clock):
    cache = open_store(clock=clock, cache_bytes=3000).cache
    register(monkeypatch, MemcacheService(StoredMemcache(cache)))
    memcache.set("kept", b"x" * 1000)
    clock.now += 1
    memcache.set("expired", b"x" * 1000, time=5)
    clock.now += 10
    memcache.set("new", b"x" * 1500)
    assert memcache.get("kept") is not None


def test_store_that_refuses_is_a_cache_without_room(monkeypatch, open_store):
    store = open_store()
    register(monkeypatch, MemcacheService(StoredMemcache(store.cache)))
    store.close()
    assert memcache.get("k") is None
    assert not memcache.set("k", 1)


def test_random_operations_are_answered_as_by_the_stub(service, clock, monkeypatch):
    theirs = memcache_stub.MemcacheServiceStub(gettime=clock)
    chance = random.Random(7)

    def step(seed):
        chance = random.Random(seed)
        key, value = chance.choice("abc"), chance.choice([1, 2, "t", b"b"])
        time = chance.choice([0, 2])
        operations = [
            lambda: memcache.get(key),
            lambda: memcache.get_multi(["a", "b", "c"]),
            lambda: memcache.set(key, value, time=time),
            lambda: memcache.add(key, value, time=time),
            lambda: memcache.replace(key, value, time=time),
            lambda: memcache.delete(key, seconds=time),
            lambda: memcache.incr(key, initial_value=chance.choice([None, 3])),
            lambda: memcache.offset_multi({"a": 2, "b": -1}, initial_value=1),
        ]
        try:
            return chance.choice(operations)()
        except Exception as error:
            return type(error).__name__

    for _ in range(1500):
        seed = chance.random()
        clock.now += chance.choice([0, 1])
        register(monkeypatch, service)
        first = step(seed)
        register(monkeypatch, theirs)
        assert first == step(seed)


@pytest.fixture(params=ENGINES)
def counted(request, tmp_path):
    """Return an engine's store and how other processes name it."""
    if request.param == "sqlite":
        store: Any = SqliteStore(tmp_path / "counted", takes_lease=False)
        yield store, str(tmp_path / "counted")
        store.close()
        return
    schema = take_schema()
    store = open_postgres(schema)
    yield store, f"{shared_server().url()}#{schema}"
    store.close()
    give_back_schema(schema)


@pytest.mark.parametrize("open_store", ["sqlite"], indirect=True)
def test_four_processes_count_exactly(monkeypatch, counted):
    store, place = counted
    register(monkeypatch, MemcacheService(StoredMemcache(store.cache)))
    children = [
        subprocess.Popen([sys.executable, "-W", "ignore", "-c", COUNT, place], cwd=ROOT)
        for _ in range(4)
    ]
    assert [child.wait() for child in children] == [0] * 4
    assert memcache.get("n") == 400
