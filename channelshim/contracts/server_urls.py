"""URLs of servers that an app's data or messages are on, which may hold a password."""

from __future__ import annotations

import re
from typing import Final

_PARAMETER: Final = re.compile(r"([?&])(?:password|sslpassword)=[^&]*&?", re.IGNORECASE)
"""Where drivers take a password too."""


def has_password(url: str) -> bool:
    """Return whether a URL says a password."""
    user = _authority(url).rpartition("@")[0]
    return ":" in user or _PARAMETER.search(url) is not None


def shown(url: str) -> str:
    """Return a URL as anybody may read it: without its password."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "(not a URL)"
    authority = _authority(url)
    user, at, hosts = authority.rpartition("@")
    path = _PARAMETER.sub(r"\1", rest[len(authority) :]).rstrip("?&")
    return f"{scheme}://{user.partition(':')[0]}{at}{hosts}{path}"


def _authority(url: str) -> str:
    """Return what stands before the path; a password may hold what is not quoted."""
    rest = url.partition("://")[2]
    at = rest.rpartition("@")[0]
    ends = [rest.find(sign, len(at)) for sign in "/?" if rest.find(sign, len(at)) >= 0]
    return rest[: min(ends, default=len(rest))]
