"""google.appengine.api.backends.backends: a backend is a module by its older name.

Source: SDK 1.9.88, api/backends/backends.py, for names and errors.
"""

from __future__ import annotations

import os
from typing import Final

DEV_APPSERVER_BACKENDS: Final = "DEV_APPSERVER_BACKENDS"


class Error(Exception):
    """The base of the errors of this module."""


class InvalidBackendError(Error):
    """There is no backend of this name, or none was named outside of one."""


class InvalidInstanceError(Error):
    """The backend has no such instance."""


class DefaultHostnameError(Error):
    """Kept for except clauses; never raised here."""


def get_backend() -> str | None:
    """Return the backend's name, or None in an instance of no backend."""
    return os.environ.get("BACKEND_ID")


def get_instance() -> int | None:
    """Return the number of the backend's instance, or None outside of one."""
    if get_backend() is None:
        return None
    return int(os.environ.get("INSTANCE_ID", "0"))


def get_url(
    backend: str | None = None, instance: int | None = None, protocol: str = "http"
) -> str:
    """Return the address of a backend.

    Raises:
        InvalidBackendError: there is none of this name.
        InvalidInstanceError: it has no such instance.
    """
    return f"{protocol}://{get_hostname(backend, instance)}"


def get_hostname(backend: str | None = None, instance: int | None = None) -> str:
    """Return host and port of a backend, which is a module of the same name.

    Raises:
        InvalidBackendError: there is none of this name.
        InvalidInstanceError: it has no such instance.
    """
    from google.appengine.api import modules

    name = get_backend() if backend is None else backend
    if not name:
        raise InvalidBackendError("name a backend: this instance is of none")
    try:
        host: str = modules.get_hostname(module=name, instance=instance)
    except modules.InvalidModuleError:
        raise InvalidBackendError(f"there is no backend or module {name}") from None
    except modules.InvalidInstancesError:
        raise InvalidInstanceError(
            f"{name} has no instance of the number {instance}"
        ) from None
    return host
