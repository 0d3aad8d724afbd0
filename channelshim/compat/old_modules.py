"""Modules of App Engine's first SDK: by their old names, and as attributes.

`google.appengine.datastore.entity_pb` and the other modules of protocol buffers are
made of those of today. And what Google's runtime had imported already was there
without an import of the app's own: `import google.appengine.ext` was enough for
`google.appengine.ext.db`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from channelshim.compat.import_hooks import after_import
from channelshim.compat.refused_modules import PLACEHOLDER

_SDK: Final = "google.appengine"
_SUFFIX: Final = "_pb"
_SUFFIXES_OF_TODAY: Final = ("_bytes_pb2", "_pb2")

_OWN: Final = f"{_SDK}.datastore.datastore_pb"
"""The SDK itself uses this one, with the classes of today; it lacks those inside."""

_RENAMED: Final = {
    f"{_SDK}.datastore.datastore_v3_pb": f"{_SDK}.datastore.datastore_v3_bytes_pb2",
}

_PACKAGES: Final = (
    *("api", "base", "datastore", "ext", "runtime", "tools"),
    *("api.app_identity", "api.blobstore", "api.capabilities", "api.channel"),
    *("api.images", "api.memcache", "api.modules", "api.namespace_manager"),
    *("api.oauth", "api.search", "api.system", "api.taskqueue"),
    *("ext.blobstore", "ext.db", "ext.deferred", "ext.gql", "ext.key_range"),
    *("ext.ndb", "ext.remote_api", "ext.testbed", "ext.webapp"),
)

_HAVE_MESSAGES: Final = (
    *("api.apiproxy_stub_map", "api.datastore", "api.datastore_types", "api.mail"),
    *("api.memcache.memcache_stub", "api.search.search", "api.taskqueue.taskqueue"),
    *("api.urlfetch", "api.users", "api.user_service_stub", "api.urlfetch_stub"),
    *("datastore.datastore_query", "datastore.datastore_rpc", "ext.ndb.key"),
    *("ext.ndb.model", "ext.ndb.query"),
)
"""Modules through which suites and libraries reached the messages' modules."""


def install() -> None:
    """Let the old names be imported, and submodules be attributes. Idempotent."""
    if not any(finder is _finder for finder in sys.meta_path):
        sys.meta_path.append(_finder)
    after_import(_OWN, _add_inner_messages)
    after_import(_SDK, _import_on_demand)
    for name in (*_PACKAGES, *_HAVE_MESSAGES):
        after_import(f"{_SDK}.{name}", _import_on_demand)


def _add_inner_messages(module: Any) -> None:
    """Have `datastore_pb.Query_Filter` found; nobody who does not ask pays for it."""

    def find(name: str) -> Any:
        from channelshim.compat.legacy_messages import fill_module

        if not name.startswith("_"):
            fill_module(module, module.datastore_v3_pb2)
            if name in module.__dict__:
                return module.__dict__[name]
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    module.__getattr__ = find


def _import_on_demand(module: Any) -> None:
    plain = module.__dict__.get("__getattr__")

    def find(name: str) -> Any:
        if not name.startswith("_"):
            for full in _places(module, name):
                try:
                    return importlib.import_module(full)
                except ModuleNotFoundError as error:
                    if error.name != full:
                        raise
        if plain is not None:
            return plain(name)
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    module.__getattr__ = find


def _places(module: Any, name: str) -> list[str]:
    own = module.__name__
    places = [f"{own}.{name}"] if hasattr(module, "__path__") else []
    if name.endswith(_SUFFIX):
        places += [f"{own.rpartition('.')[0]}.{name}", f"{_SDK}.datastore.{name}"]
    return places


def _of_today(name: str) -> str | None:
    """Return the name of today's module of the same messages, if there is one."""
    if not name.startswith(f"{_SDK}.") or not name.endswith(_SUFFIX):
        return None
    if name in _RENAMED:
        return _RENAMED[name]
    for suffix in _SUFFIXES_OF_TODAY:
        candidate = name.removesuffix(_SUFFIX) + suffix
        try:
            spec = importlib.util.find_spec(candidate)
            # A name that refuses calls is no module of messages.
            if spec is not None and spec.origin != PLACEHOLDER:
                return candidate
        except ModuleNotFoundError:
            # The package itself is not there.
            return None
    return None


class _Finder:
    """A finder, asked last, and a loader: messages by their old accessors."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if _of_today(name) is None:
            return None
        loader: Any = self
        return ModuleSpec(name, loader)

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        # Only now: it imports Google's protobuf.
        from channelshim.compat.legacy_messages import fill_module

        today = _of_today(module.__name__)
        assert today is not None
        fill_module(module, importlib.import_module(today))


_finder: Final[Any] = _Finder()
