"""The namespace of a request that has set none: what appengine_config.py says.

Without its hook all tenants of an app would share one namespace, in silence.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from typing import Any, Final

_CONFIGURATION: Final = "appengine_config"


def ask_hook(namespace_manager: Any) -> None:
    """Have get_namespace() ask the app's hook where no namespace has been set.

    Source: SDK 1.9.88, api/namespace_manager/namespace_manager.py, get_namespace.
    """
    from google.appengine.api import lib_config

    config: Any = lib_config.register(
        "namespace_manager_", {"default_namespace_for_request": lambda: None}
    )
    search = _Search()
    plain = namespace_manager.get_namespace
    current = namespace_manager._CURRENT_NAMESPACE
    current_namespace = current.get

    @functools.wraps(plain)
    def get_namespace() -> str:
        namespace: str | None = current_namespace(None)
        # A dozen times for one get: without a call where nothing was found before.
        if namespace is None and (
            _CONFIGURATION in sys.modules
            or (sys.path != search.searched and search.finds())
        ):
            namespace = config.default_namespace_for_request()
            if namespace:
                namespace_manager.set_namespace(namespace)
        return namespace or ""

    def enable_request_namespace() -> None:
        if (
            current_namespace(None) is None
            and namespace_manager.google_apps_namespace()
        ):
            namespace_manager.set_namespace(namespace_manager.google_apps_namespace())

    namespace_manager.get_namespace = get_namespace
    namespace_manager.enable_request_namespace = enable_request_namespace


class _Search:
    """Looks for an appengine_config.py; lib_config warns of one missing.

    Asked at each call of a service, so that a path is searched once.

    Attributes:
        searched: the path on which there was none.
    """

    def __init__(self) -> None:
        self.searched: list[str] = []

    def finds(self) -> bool:
        """Return whether there is one on the path of now."""
        if importlib.util.find_spec(_CONFIGURATION) is not None:
            return True
        self.searched = list(sys.path)
        return False


def copy_from_module(package: Any) -> None:
    """Give the package what its module has by now."""
    package.get_namespace = package.namespace_manager.get_namespace
    enable = package.namespace_manager.enable_request_namespace
    package.enable_request_namespace = enable
