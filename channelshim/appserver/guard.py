"""What an outside request may not bring, and where it may not go.

Google's Python 3 SDK believes every X-AppEngine header: with X-AppEngine-User-Id anyone
is any user, and with X-AppEngine-User-IP and X-AppEngine-TaskName anyone posts to
/_ah/queue/deferred, which unpickles the body. Here such headers are gone before
anything looks at them; tests/appserver/test_attacks.py tries them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from channelshim.appserver import hosts

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


INTERNAL_KEY: Final = "channelshim.internal"
"""In the environment of a request that the platform itself makes. HTTP headers become
HTTP_ keys, so none can set it; its value is `INTERNAL`, which no other code has."""

INTERNAL: Final = object()

INSIDE_KEY: Final = "channelshim.inside"
"""In the environment that an app gets: channels, login and handlers are around it
already. Its value is `INTERNAL` too."""

UNKNOWN_CLIENT_KEY: Final = "channelshim.unknown_client"
"""In the environment of a request that a proxy has forwarded for a client whose address
cannot be believed or read: REMOTE_ADDR is the proxy's then, and nobody's own."""

_FORBIDDEN: Final = re.compile(r"HTTP_(X_?APPENGINE|X_?GOOGLE_INTERNAL|PROXY\Z)")

_RESERVED: Final = re.compile(
    r"/_ah/(channel/(connected|disconnected)"
    r"|queue|background|bounce|cloudtask|cron|mail|start|stop|warmup|xmpp)"
)
"""What begins so only the platform requests: presence, tasks, cron, instances, mail.

No end is looked for: an app that routes by the beginning of a path, as `startswith` and
Django's old patterns do, takes /_ah/channel/disconnectedX for the platform's word."""

_MAXIMUM_UNQUOTING: Final = 3
"""Quoted more often than that, nobody reads a path."""


def clean(environ: WSGIEnvironment) -> WSGIEnvironment:
    """Return a copy without what only the platform may say.

    A name is compared with dashes as underscores and in upper case, however the
    server below has written it.
    """
    # Nearly all names are the same in each request.
    if environ.keys() <= _harmless:
        return environ.copy()
    return {
        key: value
        for key, value in environ.items()
        if key in _harmless or _is_harmless(key)
    }


_harmless: set[str] = set()
_MAXIMUM_REMEMBERED: Final = 512
_LONGEST_REMEMBERED: Final = 64
"""Header names are untrusted, so the cache is bounded in count and length.

A set rather than functools.lru_cache, which would keep long names too, and calls a
function where this looks inline: a tenth of the time that a request's names take."""


def _is_harmless(key: str) -> bool:
    if key == INTERNAL_KEY or (
        key[:5].upper() == "HTTP_"
        and _FORBIDDEN.match(key.upper().replace("-", "_")) is not None
    ):
        return False
    if len(_harmless) < _MAXIMUM_REMEMBERED and len(key) <= _LONGEST_REMEMBERED:
        _harmless.add(key)
    return True


def is_internal(environ: WSGIEnvironment) -> bool:
    """Return whether the platform itself makes this request."""
    return environ.get(INTERNAL_KEY) is INTERNAL


def is_inside(environ: WSGIEnvironment) -> bool:
    """Return whether a request has come through an AppServer already."""
    return environ.get(INSIDE_KEY) is INTERNAL


def is_reserved(environ: WSGIEnvironment) -> bool:
    """Return whether the path is one that only the platform requests.

    Each reading of the path counts, with and without what it is mounted below.
    """
    path = environ.get("PATH_INFO", "")
    whole = environ.get("SCRIPT_NAME", "") + path
    if "%" not in whole and "_ah" not in whole.lower():
        return False
    return any(_RESERVED.match(reading) for reading in readings(whole) | readings(path))


def readings(path: str) -> set[str]:
    """Return what frameworks may make of a path, lower case.

    They differ in what they make of doubled slashes, dots and quoting.
    """
    paths = {_canonical(path)}
    for _ in range(_MAXIMUM_UNQUOTING):
        path = unquote(path, "latin-1")
        paths.add(_canonical(path))
    return paths


def _canonical(path: str) -> str:
    parts: list[str] = []
    for part in re.split(r"[/\\]+", path.lower()):
        name = part.partition(";")[0].strip()
        if name == "..":
            del parts[-1:]
        elif name not in ("", "."):
            parts.append(name)
    return "/" + "/".join(parts)


def _is_from_this_machine(environ: WSGIEnvironment) -> bool:
    return UNKNOWN_CLIENT_KEY not in environ and hosts.is_loopback_address(
        str(environ.get("REMOTE_ADDR", ""))
    )


def is_from_loopback(environ: WSGIEnvironment) -> bool:
    """Return whether the request comes from this machine and names it."""
    return _is_from_this_machine(environ) and hosts.is_local_or_named(
        str(environ.get("HTTP_HOST", "")), ()
    )


def why_no_dev_login(environ: WSGIEnvironment, allowed_hosts: Collection[str]) -> str:
    """Return why the login that asks for no proof is closed to a request, or "".

    The rule for every door, whatever server is below. The first line that fits counts:

    ================================  ===========================  ======
    client                            Host                         login
    ================================  ===========================  ======
    any, with `allow_dev_login`       any                          open
    not loopback, or not known        any                          closed
    loopback                          loopback, `allowed_hosts`    open
    loopback                          another (DNS rebinding)      closed
    ================================  ===========================  ======

    The first line is the caller's, who need not ask then.

    Args:
        environ: of an outside request, behind `proxies.settle_client`.
        allowed_hosts: names besides loopback's, lower case, without port.
    """
    if not _is_from_this_machine(environ):
        return (
            "The login page asks for no password, so it answers this machine only. "
            "Where everybody who reaches this server may be anybody, say "
            "allow_dev_login=True or --allow-dev-login."
        )
    if not hosts.is_local_or_named(str(environ.get("HTTP_HOST", "")), allowed_hosts):
        return (
            "The login page asks for no password, so it answers only for localhost "
            "and the names in allowed_hosts (--allowed-hosts=NAME). Where everybody "
            "who reaches this server may be anybody, say allow_dev_login=True or "
            "--allow-dev-login."
        )
    return ""
