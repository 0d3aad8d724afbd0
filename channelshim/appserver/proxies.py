"""Forwarded headers: believed from proxies that a setting names, gone otherwise.

A client that sends X-Forwarded-For: 0.1.0.10 must not become the presence service.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from channelshim.appserver.guard import UNKNOWN_CLIENT_KEY
from channelshim.errors import ConfigurationError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_FORWARDED: Final = re.compile(r"HTTP_(X_FORWARDED(_.*)?|FORWARDED|X_REAL_IP)\Z")
_PLATFORM: Final = ipaddress.ip_network("0.0.0.0/8")
"""App Engine's own requests came from 0.1.0.x, and apps believe that."""

_MAXIMUM_HOPS: Final = 32

SETTLED_KEY: Final = "channelshim.settled"
"""In the environment of a request that came with forwarded headers: a `Settled`. HTTP
headers become HTTP_ keys, so none can set it."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What `settle_client` has taken out of a request.

    Attributes:
        peer: address of who has connected.
        headers: forwarded ones, by their keys in the environment.
    """

    peer: str
    headers: Mapping[str, str]


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks of proxies.

    Args:
        texts: addresses or networks: "10.0.0.1", "10.0.0.0/8", "::1".

    Raises:
        ConfigurationError: neither; names the text.
    """
    networks = []
    for text in texts:
        try:
            networks.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            raise ConfigurationError(
                f"trusted_proxies: {text!r} is not an IP address or network"
            ) from None
    return tuple(networks)


def settle_client(environ: WSGIEnvironment, proxies: tuple[Network, ...]) -> None:
    """Put the client's own address and scheme into the environment, in place.

    The last address of X-Forwarded-For that is no proxy's own is the client's: what
    stands before it the client may have written itself. Forwarded headers are taken
    out, since frameworks believe them. A client that was forwarded and stays without an
    address of its own, since nobody named the proxy or it says no address, is marked by
    guard.UNKNOWN_CLIENT_KEY.

    Args:
        environ: of an outside request.
        proxies: from `parse_networks`; without any, nothing is believed.
    """
    # Nearly all names are the same in each request.
    if environ.keys() <= _others:
        return
    keys = [key for key in environ if key not in _others and _is_forwarded(key)]
    if not keys:
        return
    forwarded = {key: environ.pop(key) for key in keys}
    environ[UNKNOWN_CLIENT_KEY] = True
    peer = str(environ.get("REMOTE_ADDR", ""))
    environ[SETTLED_KEY] = Settled(peer, forwarded)
    if not _is_in(peer, proxies):
        return
    hops = str(forwarded.get("HTTP_X_FORWARDED_FOR", "")).split(",")[-_MAXIMUM_HOPS:]
    for hop in reversed(hops):
        address = _address(hop)
        if address is None:
            # What was read so far is a proxy's.
            environ[UNKNOWN_CLIENT_KEY] = True
            break
        environ["REMOTE_ADDR"] = str(address)
        environ.pop(UNKNOWN_CLIENT_KEY, None)
        if not _is_in(str(address), proxies):
            break
    scheme = str(forwarded.get("HTTP_X_FORWARDED_PROTO", "")).rpartition(",")[2].strip()
    if scheme.lower() in ("http", "https"):
        environ["wsgi.url_scheme"] = scheme.lower()


def client_of(peer: str, forwarded: str, proxies: tuple[Network, ...]) -> str:
    """Return the address of a client, as `settle_client` finds it; "" where unknown.

    Args:
        peer: who has connected.
        forwarded: the X-Forwarded-For header.
        proxies: from `parse_networks`.
    """
    environ: dict[str, Any] = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}
    settle_client(environ, proxies)
    return "" if UNKNOWN_CLIENT_KEY in environ else str(environ["REMOTE_ADDR"])


def header_of_proxy(
    environ: WSGIEnvironment, key: str, proxies: tuple[Network, ...]
) -> str:
    """Return a header that one of the proxies has sent, or "".

    Args:
        environ: of an outside request, before or behind `settle_client`.
        key: of the header in the environment: "HTTP_X_FORWARDED_EMAIL".
        proxies: from `parse_networks`; from others nothing is believed.
    """
    settled = environ.get(SETTLED_KEY)
    if isinstance(settled, Settled):
        peer, value = settled.peer, settled.headers.get(key)
    else:
        peer, value = str(environ.get("REMOTE_ADDR", "")), None
    if not _is_in(peer, proxies):
        return ""
    return str(environ.get(key, "") if value is None else value)


_others: set[str] = set()
_MAXIMUM_REMEMBERED: Final = 512
_LONGEST_REMEMBERED: Final = 64
"""Header names are untrusted, so the cache is bounded in count and length."""


def _is_forwarded(key: str) -> bool:
    if _FORWARDED.match(key) is not None:
        return True
    if len(_others) < _MAXIMUM_REMEMBERED and len(key) <= _LONGEST_REMEMBERED:
        _others.add(key)
    return False


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    plain = getattr(address, "ipv4_mapped", None) or address
    return None if plain in _PLATFORM else plain


def _is_in(text: str, networks: tuple[Network, ...]) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in networks)
