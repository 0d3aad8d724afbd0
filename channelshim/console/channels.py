"""The channels: every known client id, with what there is to see of it."""

from __future__ import annotations

from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from channelshim import limits
from channelshim.console.page import PageHandler, Refused
from channelshim.console.rates import Rates
from channelshim.contracts.overview import KnownId
from channelshim.protocol.tokens import client_id_bytes

IDS: Final = 50
MOST_IDS: Final = 500

MOST_ADDRESSED: Final = 100_000
"""Client ids that one message is sent to at most."""


class ChannelsPage(PageHandler):
    """Every known client id, in the order of their texts."""

    template: ClassVar[str] = "channels.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        after = self.query("after")
        limit = self.number("limit", IDS, 1, MOST_IDS)
        found = list(self.sources.overview.known_ids(after, limit + 1))
        shown = found[:limit]
        return {
            "counts": self.sources.overview.counts(),
            "ids": [self._row(each) for each in shown],
            "after": after,
            "limit": limit,
            "next": _next_page(shown[-1].client_id, limit)
            if len(found) > limit
            else None,
        }

    def _row(self, known: KnownId) -> dict[str, Any]:
        pages = self.sources.overview.pages(known.client_id)
        return {**known_facts(self, known), "pages": len(pages)}

    def do_send_all(self, **names: str) -> str:
        """Send a message to every known client id."""
        text = checked_message(self.text("message"))
        sent, after = 0, ""
        while sent < MOST_ADDRESSED:
            found = self.sources.overview.known_ids(after, MOST_IDS)
            for known in found:
                self.sources.channels.send(known.client_id, text)
            sent += len(found)
            if len(found) < MOST_IDS:
                break
            after = found[-1].client_id
        return f"Sent to {sent} client ids."


def _next_page(client_id: str, limit: int) -> str:
    query = {"after": client_id_bytes(client_id), "limit": limit}
    return f"/channels?{urlencode(query)}"


def channel_path(client_id: str) -> str:
    """Return the address of a channel's page."""
    return f"/channels/id?{urlencode({'id': client_id_bytes(client_id)})}"


def known_facts(page: PageHandler, known: KnownId) -> dict[str, Any]:
    """Return what there is to see of a known id."""
    rates: Rates = page.app.registry.setdefault("rates", Rates())
    now = page.sources.clock.monotonic()
    return {
        "client_id": known.client_id,
        "path": channel_path(known.client_id),
        "number": known.number,
        "is_connected": known.is_connected,
        "expected_seconds": known.expected_seconds,
        "kept_messages": known.kept_messages,
        "kept_bytes": known.kept_bytes,
        "per_second": rates.sample(known.client_id, known.number, now),
    }


def checked_id(text: str) -> str:
    """Return a client id as it is allowed.

    Raises:
        Refused: it is empty or too long.
    """
    if not text:
        raise Refused("A client id must not be empty.")
    if len(client_id_bytes(text)) > limits.MAXIMUM_CLIENT_ID_LENGTH:
        raise Refused(
            f"A client id has at most {limits.MAXIMUM_CLIENT_ID_LENGTH} bytes as UTF-8."
        )
    return text


def checked_message(text: str) -> str:
    """Return a message as the app may send it.

    Raises:
        Refused: it is empty or too long.
    """
    if not text:
        raise Refused("A message must not be empty.")
    size = len(text.encode("utf-8", "replace"))
    if size > limits.MAXIMUM_MESSAGE_LENGTH:
        raise Refused(
            f"A message has at most {limits.MAXIMUM_MESSAGE_LENGTH} bytes as UTF-8, "
            f"and this one has {size}."
        )
    return text
