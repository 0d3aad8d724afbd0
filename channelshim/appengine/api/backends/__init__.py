"""google.appengine.api.backends: the older name of modules."""

from channelshim.appengine.api.backends.backends import (
    DEV_APPSERVER_BACKENDS,
    DefaultHostnameError,
    Error,
    InvalidBackendError,
    InvalidInstanceError,
    get_backend,
    get_hostname,
    get_instance,
    get_url,
)

__all__ = [
    "DEV_APPSERVER_BACKENDS",
    "DefaultHostnameError",
    "Error",
    "InvalidBackendError",
    "InvalidInstanceError",
    "get_backend",
    "get_hostname",
    "get_instance",
    "get_url",
]
