"""Which hosts a server answers for: what a Host header may say.

A page of another site can point a name of its own at this machine (DNS rebinding): the
browser then takes the app for that site, and lets the page read it. Only a name can be
pointed elsewhere, so what counts is which names a door answers for.
"""

from __future__ import annotations

import functools
import ipaddress
import logging
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

ANY_NAME: Final = "*"
"""In `allowed_hosts`: every name, for a server whose proxy looks at names itself."""

REFUSED_HOSTS_LOGGED: Final = 16
"""Hosts whose refusal has a line in the log."""

_logger: Final = logging.getLogger("channelshim.appserver")

_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]/@\s]+)(:\d{1,5})?")
_SHOWN_HOST: Final = 64
_SHOWN_ESCAPED: Final = 200
"""Characters of it, where ten stand for one: `\\U0001f600`."""
_LONGEST_HOST: Final = 270
"""Characters of the longest name (RFC 1035, 2.3.4) and a port, and a few more: what is
remembered comes from outside."""

_LOCALHOST: Final = re.compile(r"(.+\.)?localhost\.?")


@dataclass(frozen=True, slots=True)
class HostRule:
    """What a door answers for; the door decides, see composition/rules.py.

    Attributes:
        names: besides loopback's, lower case, without port; ANY_NAME for all.
        takes_addresses: whether an IP address will do: nobody points one elsewhere.
        is_open_elsewhere: whether a client on another machine may say any name.
    """

    names: frozenset[str] = frozenset()
    takes_addresses: bool = False
    is_open_elsewhere: bool = False

    def refusal(self, host: str, peer: str) -> str:
        """Return why a request is not served here, or "".

        Args:
            host: the Host header; "" for a client older than HTTP/1.1, which is no
                browser and serves no page of another site.
            peer: address of who has connected, a proxy included.
        """
        if not host or is_local_or_named(host, self.names) or ANY_NAME in self.names:
            return ""
        if self.takes_addresses and _address(_name(host).strip("[]")) is not None:
            return ""
        if self.is_open_elsewhere and not is_loopback_address(peer):
            return ""
        return (
            f"This server does not answer for the host {_shown(host)}. Name it "
            "with allowed_hosts (--allowed-hosts=NAME)."
        )


class RefusalLog:
    """Logs each refusal once, the first few: anybody outside can name more hosts."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def add(self, refusal: str) -> None:
        """Log a sentence of HostRule.refusal; "" is none.

        Args:
            refusal: the sentence; what it shows of the header is bounded.
        """
        if refusal and len(self._seen) < REFUSED_HOSTS_LOGGED:
            if refusal not in self._seen:
                self._seen.add(refusal)
                _logger.warning("400 Bad Request: %s", refusal)


LOCAL_NAMES_HERE: Final = HostRule(is_open_elsewhere=True)
"""Loopback's names for this machine, and any for others."""


def is_local_or_named(host: str, names: Collection[str]) -> bool:
    """Return whether a Host header names this machine's loopback, or one of names.

    Args:
        host: the header; "" when there is none, which names nothing.
        names: lower case, without port.
    """
    if _is_local(host[:_LONGEST_HOST]):
        # What is cut off is longer than any name.
        return len(host) <= _LONGEST_HOST
    name = _name(host)
    return name in names and name != ANY_NAME


def _shown(host: str) -> str:
    return ascii(host[:_SHOWN_HOST])[:_SHOWN_ESCAPED]


@functools.lru_cache(256)
def _is_local(host: str) -> bool:
    # Nearly all requests of a development server name the same host.
    name = _name(host)
    return _LOCALHOST.fullmatch(name) is not None or is_loopback_address(
        name.strip("[]")
    )


def _name(host: str) -> str:
    """Return the host of a Host header without its port; "" for a malformed one."""
    match = _HOST.fullmatch(host.lower())
    return match[1] if match else ""


@functools.lru_cache(1024)
def is_loopback_address(text: str) -> bool:
    """Return whether text is an address of this machine's own loopback network.

    Names are not: what they mean is for the resolver to say. An IPv4 address may be
    mapped into IPv6, as servers on a socket of both kinds see it.
    """
    address = _address(text)
    plain = getattr(address, "ipv4_mapped", None) or address
    return bool(plain is not None and plain.is_loopback)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
