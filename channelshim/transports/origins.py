"""Which pages may open channels: those of the server itself, and those allowed."""

from __future__ import annotations

from collections.abc import Sequence


class Origins:
    """The Origin check of WebSockets, and what lets foreign pages read polls.

    Args:
        allowed: origins besides the server's own, "https://example.com"; "*" allows
            all.
    """

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._further = frozenset(origin.rstrip("/").lower() for origin in allowed)

    def allows(self, origin: str | None, host: str) -> bool:
        """Return whether a page may open a WebSocket.

        A request without Origin is not a browser's page: the token alone decides.

        Args:
            origin: the header, or None.
            host: the Host header.
        """
        if origin is None or self._is_further(origin):
            return True
        return origin.lower().partition("://")[2] == host.lower()

    def headers(self, origin: str | None) -> tuple[tuple[str, str], ...]:
        """Return what lets the page that asks read the answer (Fetch, CORS protocol).

        Nothing for the server's own pages, which need none, nor for those not allowed.
        """
        if not self._further:
            return ()
        vary = ("Vary", "Origin")
        if origin is None or not self._is_further(origin):
            return (vary,)
        return (("Access-Control-Allow-Origin", origin), vary)

    def _is_further(self, origin: str) -> bool:
        return "*" in self._further or origin.lower() in self._further
