"""The memcache service, its values where all processes have them.

Source of the answers: SDK, api/memcache/memcache_stub.py.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Final

from google.appengine.api.memcache import memcache_service_pb2 as memcache_pb
from google.appengine.runtime import apiproxy_errors

from channelshim.contracts.cache import (
    Entry,
    Increment,
    Memcache,
    NewValue,
    Outcome,
    Policy,
)
from channelshim.errors import StorageError
from channelshim.services.stubs import EagerStub

_logger: Final = logging.getLogger("channelshim.services")

_MAXIMUM_REQUEST_BYTES = 32 << 20

_SetRequest = memcache_pb.MemcacheSetRequest
_SetResponse = memcache_pb.MemcacheSetResponse
_DeleteResponse = memcache_pb.MemcacheDeleteResponse
_IncrementRequest = memcache_pb.MemcacheIncrementRequest
_IncrementResponse = memcache_pb.MemcacheIncrementResponse
_Error = memcache_pb.MemcacheServiceError

_POLICIES: Final = {
    _SetRequest.ADD: Policy.ADD,
    _SetRequest.REPLACE: Policy.REPLACE,
    _SetRequest.CAS: Policy.CAS,
}
_OUTCOMES: Final = {
    Outcome.STORED: _SetResponse.STORED,
    Outcome.NOT_STORED: _SetResponse.NOT_STORED,
    Outcome.EXISTS: _SetResponse.EXISTS,
}


class MemcacheService(EagerStub):
    """Answers memcache calls. Any thread.

    When the store refuses, it answers as a memcache without room: nothing found,
    nothing stored. Apps must expect that of memcache at any time.

    Args:
        cache: where the values are.
    """

    def __init__(self, cache: Memcache) -> None:
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
        names = list(dict.fromkeys(request.key))
        found = self._cache.get(request.name_space, names)
        for name, entry in zip(names, found, strict=True):
            if entry is None or (entry.is_locked and not request.for_peek):
                self._count(0, found=False)
                continue
            self._count(len(name) + len(entry.value), found=True)
            _tell(response.item.add(), name, entry, request)

    def _Dynamic_Set(self, request: Any, response: Any) -> None:
        values = [
            NewValue(
                item.key,
                item.value,
                item.flags,
                item.expiration_time,
                _POLICIES.get(item.set_policy, Policy.SET),
                item.cas_id if item.HasField("cas_id") else None,
            )
            for item in request.item
        ]
        for outcome in self._cache.store(request.name_space, values):
            response.set_status.append(_OUTCOMES[outcome])

    def _Dynamic_Delete(self, request: Any, response: Any) -> None:
        names = [(item.key, item.delete_time) for item in request.item]
        for was_there in self._cache.delete(request.name_space, names):
            response.delete_status.append(
                _DeleteResponse.DELETED if was_there else _DeleteResponse.NOT_FOUND
            )

    def _Dynamic_Increment(self, request: Any, response: Any) -> None:
        (changed,) = self._cache.increment(request.name_space, [_increment(request)])
        if changed is None:
            raise apiproxy_errors.ApplicationError(_Error.UNSPECIFIED_ERROR)
        if changed < 0:
            raise apiproxy_errors.ApplicationError(_Error.INVALID_VALUE)
        response.new_value = changed

    def _Dynamic_BatchIncrement(self, request: Any, response: Any) -> None:
        changes = [_increment(each) for each in request.item]
        for changed in self._cache.increment(request.name_space, changes):
            item = response.item.add()
            item.increment_status = _IncrementResponse.NOT_CHANGED
            if changed is not None and changed >= 0:
                item.increment_status = _IncrementResponse.OK
                item.new_value = changed

    def _Dynamic_FlushAll(self, _request: Any, _response: Any) -> None:
        self.Clear()

    def _Dynamic_Stats(self, _request: Any, response: Any) -> None:
        stats, found = response.stats, self._cache.statistics()
        stats.items, stats.bytes = found.items, found.bytes
        stats.hits, stats.misses = self._hits, self._misses
        stats.byte_hits = self._byte_hits
        stats.oldest_item_age = int(found.oldest_seconds)

    def Clear(self) -> None:
        """Take everything out and count from zero."""
        self._cache.clear()
        with self._counting:
            self._hits = self._misses = self._byte_hits = 0

    def _count(self, size: int, *, found: bool) -> None:
        with self._counting:
            self._hits += found
            self._misses += not found
            self._byte_hits += size


def _increment(request: Any) -> Increment:
    is_down = request.direction == _IncrementRequest.DECREMENT
    return Increment(
        request.key,
        -request.delta if is_down else request.delta,
        request.initial_value if request.HasField("initial_value") else None,
        request.initial_flags,
    )


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
