"""What makes ndb faster here, never stale, and whole: mended as ndb is imported.

Measured in docs/explanation/performance.md. `apply` imports nothing of Google's.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from channelshim.runtime.imports import after_import


def apply(*, uses_memcache: bool = False) -> None:
    """Mend ndb now or when it is imported.

    Args:
        uses_memcache: whether ndb keeps entities in memcache, as it did on App Engine.
            Where an app, a model or a call says so itself, that counts. Off, one store
            is asked: faster here, and right between processes.
    """
    after_import("google.appengine.ext.ndb.utils", _stop_walking_stacks)
    after_import("google.appengine.ext.ndb.query", _iterate_by_batches)
    after_import("google.appengine.ext.ndb.context", _accept_read_only)
    if not uses_memcache:
        after_import("google.appengine.ext.ndb.context", _leave_memcache_alone)


def _stop_walking_stacks(utils: ModuleType) -> None:
    # Each future keeps a text of the stack for debug logs that nobody asked for.
    utils.DEBUG = False  # type: ignore[attr-defined]


def _iterate_by_batches(query: ModuleType) -> None:
    from channelshim.services.ndb_iterator import BatchIterator

    query.QueryIterator = BatchIterator  # type: ignore[attr-defined]


def _accept_read_only(context: ModuleType) -> None:
    # ndb documents and reads transaction(read_only=True), but its list of options lacks
    # the word, so that the call raised TypeError. Goes when the SDK has it.
    from google.appengine.datastore import datastore_rpc

    accepting: Any = context.TransactionOptions
    if "read_only" in accepting._options:
        return

    def read_only(value: Any) -> bool:
        return bool(value)

    option = datastore_rpc.ConfigOption(read_only)
    option._cls = accepting
    accepting._options["read_only"] = option
    accepting.read_only = option


def _leave_memcache_alone(context: ModuleType) -> None:
    options: Any = context.ContextOptions

    def use_memcache(self: Any, key: Any, call_options: Any = None) -> bool:
        said = options.use_memcache(call_options)
        if said is None:
            said = self._memcache_policy(key)
        if said is None:
            said = options.use_memcache(self._conn.config)
        return bool(said)

    context.Context._use_memcache = use_memcache
