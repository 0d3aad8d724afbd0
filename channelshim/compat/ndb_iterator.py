"""ndb's query iterator: one future for each batch, not two for each entity."""

from __future__ import annotations

from collections import deque
from typing import Any

from google.appengine.api import datastore_errors
from google.appengine.ext.ndb import model, query, tasklets


class _Arrivals:
    """Takes what a query finds; the part of a queue future that ndb's queries use."""

    def __init__(self) -> None:
        self.results: deque[tuple[Any, int, Any]] = deque()
        self.is_complete = False
        self.error: tuple[BaseException, Any] | None = None
        self._waiting: list[Any] = []

    def putq(self, value: tuple[Any, int, Any]) -> None:
        self.results.append(value)
        self._tell()

    def complete(self) -> None:
        self.is_complete = True
        self._tell()

    def set_exception(self, error: BaseException, traceback: Any = None) -> None:
        self.error = (error, traceback)
        self.complete()

    def done(self) -> bool:
        return self.is_complete

    def change(self) -> Any:
        """Return a future that is done when something has arrived, or the end."""
        future = tasklets.Future("query results")
        if self.results or self.is_complete:
            future.set_result(None)
        else:
            self._waiting.append(future)
        return future

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            future.set_result(None)


class BatchIterator(query.QueryIterator):  # type: ignore[misc]
    """Iterates over a query's results; what it promises is what QueryIterator does."""

    def __init__(self, query: Any, **options: Any) -> None:
        self._context = tasklets.get_context()
        self._options = query._make_options(options)
        self._arrivals = _Arrivals()
        self._cached_kinds: dict[str, bool] = {}
        self._upcoming: tuple[Any, int, Any] | None = None
        self._current: tuple[Any, int] | None = None
        query.run_to_queue(self._arrivals, self._context._conn, self._options)

    @tasklets.tasklet  # type: ignore[untyped-decorator]
    def has_next_async(self) -> Any:
        """Return a future of whether there is a next result."""
        while not self._look():
            if self._has_ended():
                raise tasklets.Return(False)
            yield self._arrivals.change()
        raise tasklets.Return(True)

    def __next__(self) -> Any:
        """Return the next result."""
        while not self._look():
            if self._has_ended():
                self._exhausted = True
                raise StopIteration
            self._arrivals.change().get_result()
        assert self._upcoming is not None
        batch, index, found = self._upcoming
        self._upcoming = None
        self._current = (batch, index)
        if batch is not None:
            if self._index_list is None:  # type: ignore[has-type]
                self._index_list = getattr(batch, "index_list", None)
            self._more_results = index + 1 < len(batch.results) or batch.more_results
        return found

    next = __next__

    def cursor_before(self) -> Any:
        """Return the cursor before the current result; behind the last at the end."""
        return self.cursor_after() if self._exhausted else self._cursor(0)

    def cursor_after(self) -> Any:
        """Return the cursor behind the current result."""
        return self._cursor(1)

    def _cursor(self, further: int) -> Any:
        if self._current is None:
            raise datastore_errors.BadArgumentError("There is no cursor currently")
        batch, index = self._current
        return None if batch is None else batch.cursor(index + further)

    def _look(self) -> bool:
        """Return whether the next result is known, having looked for it."""
        results = self._arrivals.results
        while self._upcoming is None and results:
            batch, index, found = results.popleft()
            # None: this request has deleted it, or holds another entity in its place.
            if not isinstance(found, model.Key) and not found._projection:
                found = self._replace_by_cached(found)
            if found is not None:
                self._upcoming = (batch, index, found)
        return self._upcoming is not None

    def _replace_by_cached(self, found: Any) -> Any:
        """Return the request's own copy of an entity, which the first found becomes."""
        key = found._key
        if not self._is_cached(key):
            return found
        cache = self._context._cache
        cached = cache.setdefault(key, found)
        if cached is None or cached is found:
            return cached
        if cached.key == key and cached.__class__ is found.__class__:
            return cached
        cache[key] = found
        return found

    def _is_cached(self, key: Any) -> bool:
        """Ask ndb's policy; once for each kind where it goes by the kind."""
        kind = key.kind()
        known = self._cached_kinds.get(kind)
        if known is not None:
            return known
        answer = bool(self._context._use_cache(key, self._options))
        by_model = getattr(model.Model._kind_map.get(kind), "_use_cache", None)
        if "_cache_policy" not in vars(self._context) and not callable(by_model):
            self._cached_kinds[kind] = answer
        return answer

    def _has_ended(self) -> bool:
        if self._arrivals.error is not None:
            error, traceback = self._arrivals.error
            raise error.with_traceback(traceback)
        return self._arrivals.is_complete
