"""The contract of the cache; what apps see of it: tests/services/test_memcache.py."""

from __future__ import annotations

import pytest

from channelshim.contracts.cache import Entry


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(open_store, clock):
    return open_store(clock=clock, cache_bytes=100).cache


def test_bytes_are_counted_through_all_changes(cache):
    with cache.write() as view:
        view.set("", b"ab", Entry(b"123"))
        view.set("", b"ab", Entry(b"1234"))
        view.set("n", b"c", Entry(b""))
        assert view.total_bytes() == 7
        view.delete("", b"ab")
        view.delete("", b"absent")
        assert view.total_bytes() == 1
        view.clear()
        assert view.total_bytes() == 0
        assert view.statistics() == (0, None)


def test_each_write_has_a_cas_id_of_its_own(cache):
    with cache.write() as view:
        view.set("", b"a", Entry(b"1"))
        first = view.get("", b"a")
        view.set("", b"a", Entry(b"1"))
        assert view.get("", b"a").cas_id != first.cas_id


def test_expired_are_not_there_and_leave_first(cache, clock):
    with cache.write() as view:
        view.set("", b"a", Entry(b"x" * 50, expires_at=101.0))
        view.set("", b"b", Entry(b"x" * 40))
    clock.now = 101.0
    with cache.read() as view:
        assert view.get("", b"a") is None
    with cache.write() as view:
        view.set("", b"c", Entry(b"x" * 30))
    with cache.read() as view:
        assert view.get("", b"b") is not None
        assert view.total_bytes() == 72


def test_full_cache_drops_the_longest_unwritten(cache, clock, monkeypatch):
    monkeypatch.setattr("channelshim.store.bounds.CACHE_EVICTION_ROWS", 1)
    for name in (b"a", b"b", b"c"):
        clock.now += 1
        with cache.write() as view:
            view.set("", name, Entry(b"x" * 40))
    with cache.read() as view:
        assert [view.get("", name) is None for name in (b"a", b"b", b"c")] == [
            True,
            False,
            False,
        ]
        assert view.statistics() == (2, 102.0)


def test_failed_change_is_no_change(cache):
    def fail(view):
        view.set("", b"a", Entry(b"1"))
        raise KeyError("a")

    with pytest.raises(KeyError), cache.write() as view:
        fail(view)
    with cache.read() as view:
        assert view.get("", b"a") is None
        assert view.total_bytes() == 0
