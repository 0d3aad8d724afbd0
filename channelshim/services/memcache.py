"""The memcache service, its values in the store: right in one process and in many.

Source of the answers: SDK, api/memcache/memcache_stub.py.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import Any, Final

from google.appengine.api.memcache import memcache_service_pb2 as memcache_pb
from google.appengine.runtime import apiproxy_errors

from channelshim.contracts.cache import Cache, CacheView, Entry
from channelshim.errors import StorageError
from channelshim.services.stubs import EagerStub

_logger: Final = logging.getLogger("channelshim.services")

_MAXIMUM_REQUEST_BYTES = 32 << 20
_ABSOLUTE_TIMES_FROM = 30 * 24 * 60 * 60
"""Longer times are Unix times (memcached, doc/protocol.txt, "Expiration times")."""

_COUNTERS_BELOW = 1 << 64

_SetRequest = memcache_pb.MemcacheSetRequest
_SetResponse = memcache_pb.MemcacheSetResponse
_DeleteResponse = memcache_pb.MemcacheDeleteResponse
_IncrementRequest = memcache_pb.MemcacheIncrementRequest
_IncrementResponse = memcache_pb.MemcacheIncrementResponse
_Error = memcache_pb.MemcacheServiceError


class MemcacheService(EagerStub):
    """Answers memcache calls. Any thread.

    When the store refuses, it answers as a memcache without room: nothing found,
    nothing stored. Apps must expect that of memcache at any time.

    Args:
        cache: where the values are.
    """

    def __init__(self, cache: Cache) -> None:
        super().__init__("memcache", max_request_size=_MAXIMUM_REQUEST_BYTES)
        self._cache = cache
        self._counting = threading.Lock()
        self._hits = self._misses = self._byte_hits = 0

    def translate(self, error: StorageError) -> Exception:
        """Return the error of a memcache that is not there."""
        _logger.error("memcache: %s", error)
        translated: Exception = apiproxy_errors.ApplicationError(
            _Error.UNSPECIFIED_ERROR, str(error)
        )
        return translated

    def _Dynamic_Get(self, request: Any, response: Any) -> None:
        with self._cache.read() as view:
            for name in dict.fromkeys(request.key):
                entry = view.get(request.name_space, name)
                if entry is None or (entry.is_locked and not request.for_peek):
                    self._count(0, found=False)
                    continue
                self._count(len(name) + len(entry.value), found=True)
                _tell(response.item.add(), name, entry, request)

    def _Dynamic_Set(self, request: Any, response: Any) -> None:
        with self._cache.write() as view:
            for item in request.item:
                old = view.get(request.name_space, item.key)
                status = _judge(item, old)
                response.set_status.append(status)
                if status == _SetResponse.STORED:
                    expires_at = _expiry(view.now, item.expiration_time)
                    entry = Entry(item.value, item.flags, expires_at=expires_at)
                    view.set(request.name_space, item.key, entry)

    def _Dynamic_Delete(self, request: Any, response: Any) -> None:
        with self._cache.write() as view:
            for item in request.item:
                entry = view.get(request.name_space, item.key)
                if entry is None:
                    response.delete_status.append(_DeleteResponse.NOT_FOUND)
                    continue
                response.delete_status.append(_DeleteResponse.DELETED)
                view.delete(request.name_space, item.key)
                if item.delete_time:
                    until = _expiry(view.now, item.delete_time)
                    lock = Entry(b"", entry.flags, expires_at=until, is_locked=True)
                    view.set(request.name_space, item.key, lock)

    def _Dynamic_Increment(self, request: Any, response: Any) -> None:
        with self._cache.write() as view:
            changed = _increment(view, request.name_space, request)
        if changed is None:
            raise apiproxy_errors.ApplicationError(_Error.UNSPECIFIED_ERROR)
        if changed < 0:
            raise apiproxy_errors.ApplicationError(_Error.INVALID_VALUE)
        response.new_value = changed

    def _Dynamic_BatchIncrement(self, request: Any, response: Any) -> None:
        with self._cache.write() as view:
            for each in request.item:
                changed = _increment(view, request.name_space, each)
                item = response.item.add()
                item.increment_status = _IncrementResponse.NOT_CHANGED
                if changed is not None and changed >= 0:
                    item.increment_status = _IncrementResponse.OK
                    item.new_value = changed

    def _Dynamic_FlushAll(self, _request: Any, _response: Any) -> None:
        self.Clear()

    def _Dynamic_Stats(self, _request: Any, response: Any) -> None:
        stats = response.stats
        with self._cache.read() as view:
            stats.items, oldest = view.statistics()
            stats.bytes = view.total_bytes()
            now = view.now
        stats.hits, stats.misses = self._hits, self._misses
        stats.byte_hits = self._byte_hits
        stats.oldest_item_age = 0 if oldest is None else max(0, int(now - oldest))

    def Clear(self) -> None:
        """Take everything out and count from zero."""
        with self._cache.write() as view:
            view.clear()
        with self._counting:
            self._hits = self._misses = self._byte_hits = 0

    def _count(self, size: int, *, found: bool) -> None:
        with self._counting:
            self._hits += found
            self._misses += not found
            self._byte_hits += size


def _expiry(now: float, seconds: int) -> float | None:
    if not seconds:
        return None
    is_absolute = seconds > _ABSOLUTE_TIMES_FROM
    return float(seconds) if is_absolute else now + seconds


def _judge(item: Any, old: Entry | None) -> int:
    """Return what becomes of a set, as a SetStatusCode."""
    policy = item.set_policy
    is_there = old is not None and not old.is_locked
    if policy == _SetRequest.CAS:
        if old is None or not is_there or not item.HasField("cas_id"):
            is_stored = False
        elif old.cas_id != item.cas_id:
            return int(_SetResponse.EXISTS)
        else:
            is_stored = True
    elif policy == _SetRequest.ADD:
        is_stored = old is None
    elif policy == _SetRequest.REPLACE:
        is_stored = is_there
    else:
        is_stored = True
    return int(_SetResponse.STORED if is_stored else _SetResponse.NOT_STORED)


def _increment(view: CacheView, namespace: str, request: Any) -> int | None:
    """Return the new value; None when there is nothing to count, -1 for no number."""
    entry = view.get(namespace, request.key)
    if entry is None or entry.is_locked:
        if not request.HasField("initial_value"):
            return None
        entry = Entry(b"%d" % request.initial_value, request.initial_flags)
    try:
        old = int(entry.value)
    except ValueError:
        return -1
    if not 0 <= old < _COUNTERS_BELOW:
        return -1
    is_down = request.direction == _IncrementRequest.DECREMENT
    new: int = max(old - request.delta if is_down else old + request.delta, 0)
    new %= _COUNTERS_BELOW
    view.set(namespace, request.key, replace(entry, value=b"%d" % new))
    return new


def _tell(item: Any, name: bytes, entry: Entry, request: Any) -> None:
    item.key, item.value, item.flags = name, entry.value, entry.flags
    if request.for_cas:
        item.cas_id = entry.cas_id
    if request.for_peek:
        item.is_delete_locked = entry.is_locked
        item.timestamps.last_access_time_sec = int(entry.written_at)
        if entry.expires_at is not None:
            item.timestamps.expiration_time_sec = int(entry.expires_at)
        if entry.is_locked and entry.expires_at is not None:
            item.timestamps.delete_lock_time_sec = int(entry.expires_at)
