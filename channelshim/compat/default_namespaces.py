"""The namespace of a request that has set none: what appengine_config.py says.

Without its hook all tenants of an app would share one namespace, in silence.
"""

from __future__ import annotations

import functools
from typing import Any


def ask_hook(namespace_manager: Any) -> None:
    """Have get_namespace() ask the app's hook where no namespace has been set.

    Source: SDK 1.9.88, api/namespace_manager/namespace_manager.py, get_namespace.
    """
    from google.appengine.api import lib_config

    config: Any = lib_config.register(
        "namespace_manager_", {"default_namespace_for_request": lambda: None}
    )
    plain = namespace_manager.get_namespace
    current = namespace_manager._CURRENT_NAMESPACE

    @functools.wraps(plain)
    def get_namespace() -> str:
        namespace: str | None = current.get(None)
        if namespace is None:
            namespace = config.default_namespace_for_request()
            if namespace:
                namespace_manager.set_namespace(namespace)
        return namespace or ""

    def enable_request_namespace() -> None:
        if current.get(None) is None and namespace_manager.google_apps_namespace():
            namespace_manager.set_namespace(namespace_manager.google_apps_namespace())

    namespace_manager.get_namespace = get_namespace
    namespace_manager.enable_request_namespace = enable_request_namespace


def copy_from_module(package: Any) -> None:
    """Give the package what its module has by now."""
    package.get_namespace = package.namespace_manager.get_namespace
    enable = package.namespace_manager.enable_request_namespace
    package.enable_request_namespace = enable
