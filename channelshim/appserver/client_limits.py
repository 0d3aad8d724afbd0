"""How often one client address may do something that costs, or that it could guess at.

Theory. Each address has a bucket of as many tries as are allowed in a minute, which
fills again at that rate; a try takes one, and is refused where there is none. What is
kept is bounded: of more than MOST_ADDRESSES those go that have not tried for longest,
and begin anew. Who has that many addresses is held up by no such limit.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from channelshim.appserver.hosts import is_loopback_address
from channelshim.appserver.proxies import Network, client_of
from channelshim.runtime.log_text import one_line

_logger: Final = logging.getLogger("channelshim.appserver")

MOST_ADDRESSES: Final = 10_000

_MINUTE: Final = 60.0

_OWN_BITS: Final = 64
"""Of an IPv6 address: the rest a client chooses itself (RFC 4291, 2.5.1)."""


class ClientLimit:
    """Counts tries by client address. Any thread.

    This machine's own addresses are not limited.

    Args:
        per_minute: tries of one address, at least 1; all of them may come at once.
        what: is limited, for the log: "logins".
        proxies: whose X-Forwarded-For counts.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        per_minute: int,
        what: str,
        proxies: Sequence[Network] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = float(per_minute)
        self._per_second = per_minute / _MINUTE
        self._what = what
        self._proxies = tuple(proxies)
        self._clock = clock
        self._lock = threading.Lock()
        # What is left, and when that was; the address that tried last comes last.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._warned_at = -math.inf

    def wait(self, peer: str, forwarded: str = "") -> int:
        """Count a try, and return 0; or how many seconds to wait, and count none.

        Args:
            peer: who has connected.
            forwarded: the X-Forwarded-For header; "" for none.
        """
        address = client_of(peer, forwarded, self._proxies) if forwarded else peer
        if is_loopback_address(address):
            return 0
        key, now = _key(address), self._clock()
        with self._lock:
            left, at = self._buckets.get(key, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._per_second)
            is_refused = left < 1
            self._buckets[key] = (left if is_refused else left - 1, now)
            self._buckets.move_to_end(key)
            if len(self._buckets) > MOST_ADDRESSES:
                self._buckets.popitem(last=False)
        if not is_refused:
            return 0
        self._warn(address, now)
        return math.ceil((1 - left) / self._per_second)

    def _warn(self, address: str, now: float) -> None:
        """Say who is refused, once in a minute at most."""
        if now - self._warned_at < _MINUTE:
            return
        self._warned_at = now
        _logger.warning(
            "too many %s from %s are refused; behind a proxy, name it with "
            "--trusted_proxies",
            self._what,
            one_line(address) or "clients of a proxy that nobody has named",
        )


def limit_of(
    per_minute: int, what: str, proxies: Sequence[Network] = ()
) -> ClientLimit | None:
    """Return a limit; None for 0 tries in a minute, which means any number."""
    return ClientLimit(per_minute, what, proxies) if per_minute else None


def _key(address: str) -> str:
    """Return what counts as one client."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        # Nobody knows it: all such are one client.
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, _OWN_BITS), strict=False))
    return str(parsed)
