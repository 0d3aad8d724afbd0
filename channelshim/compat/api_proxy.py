"""Google's API proxy with services that are made when they are first called.

Importing every stub costs 0.3 s and 50 MB at start; a chat app needs three of them.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any

from google.appengine.api import apiproxy_stub_map

Factory = Callable[[], Any]


class LazyStubMap(apiproxy_stub_map.APIProxyStubMap):  # type: ignore[misc]
    """The SDK's stub map, with factories behind the stubs that are not made yet.

    A stub that a test or an app registers itself always wins.

    Args:
        factories: service name to a function that makes its stub; called once, in the
            thread that first asks.
        ndb_memcache: whether ndb keeps entities in memcache where nobody says
            otherwise; compat.ndb_tuning asks.
    """

    def __init__(
        self,
        factories: Mapping[str, Factory],
        *,
        ndb_memcache: bool = False,
    ) -> None:
        super().__init__()
        self.ndb_memcache = ndb_memcache
        self._factories = dict(factories)
        self._made: dict[str, Any] = {}
        # Our own channel service, while nothing stands between it and its callers.
        self.direct_channel: Any = None
        # Its publish, for send_message's shortest way.
        self.direct_publish: Callable[[str, str], None] | None = None
        self._lock = threading.RLock()
        self._watch_hooks()

    def GetStub(self, service: str) -> Any:
        """Return the stub of a service, made now if need be; None for an unknown."""
        stub = super().GetStub(service)
        if stub is not None or service not in self._factories:
            return stub
        with self._lock:
            # Gone only when the stub is there: another thread may ask in between.
            factory = self._factories.get(service)
            if factory is not None:
                made = self._made[service] = factory()
                self.RegisterStub(service, made)
                self._factories.pop(service, None)
                if service == "channel":
                    self._go_direct(made)
        return super().GetStub(service)

    def is_own(self, service: str) -> bool:
        """Return whether a service is answered by its factory's stub, made or not."""
        stub = super().GetStub(service)
        if stub is None:
            return service in self._factories
        return stub is self._made.get(service)

    def ReplaceStub(self, service: str, stub: Any) -> None:
        """Put a stub in the place of what there is, made or not."""
        self._factories.pop(service, None)
        if service == "channel":
            self._go_round()
        super().ReplaceStub(service, stub)

    def _go_direct(self, service: Any) -> None:
        if len(self.GetPreCallHooks()) or len(self.GetPostCallHooks()):
            # Added before the first message, as appengine_config.py does.
            return
        service.on_error_set = self._go_round
        self.direct_channel = service
        self.direct_publish = service.publish

    def _go_round(self) -> None:
        self.direct_channel = None
        self.direct_publish = None

    def _watch_hooks(self) -> None:
        """Have calls pass here once a hook is added; ndb's calls ask for the hooks."""
        for hooks in (self.GetPreCallHooks(), self.GetPostCallHooks()):
            for name in ("Append", "Push"):
                setattr(hooks, name, self._going_round(getattr(hooks, name)))

    def _going_round(self, add: Callable[..., bool]) -> Callable[..., bool]:
        @functools.wraps(add)
        def add_hook(*args: Any, **kwargs: Any) -> bool:
            self._go_round()
            return add(*args, **kwargs)

        return add_hook


_installed: LazyStubMap | None = None
"""The map of this process. A testbed may put another one in its place for a while."""

_owner: object | None = None


def install(
    factories: Mapping[str, Factory],
    *,
    ndb_memcache: bool = False,
    owner: object | None = None,
) -> LazyStubMap:
    """Make a lazy map the process's API proxy and return it.

    Args:
        factories: see LazyStubMap.
        ndb_memcache: see LazyStubMap.
        owner: for whoever asks `owner`.
    """
    global _installed, _owner
    proxy = LazyStubMap(factories, ndb_memcache=ndb_memcache)
    apiproxy_stub_map.apiproxy = _installed = proxy
    _owner = owner
    return proxy


def owner() -> object | None:
    """Return whose services this process has, or had until `uninstall`; or None.

    Google's SDK has one proxy.
    """
    return _owner


def uninstall() -> None:
    """Take the services away; calls of them fail from now on. Idempotent."""
    global _installed
    if _installed is not None and apiproxy_stub_map.apiproxy is _installed:
        apiproxy_stub_map.apiproxy = apiproxy_stub_map.GetDefaultAPIProxy()
    _installed = None
