"""One channel: its pages, its window, a live tail of it, and what can be done."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, ClassVar, Final

from channelshim import limits
from channelshim.console.channels import (
    checked_id,
    checked_message,
    known_facts,
)
from channelshim.console.page import PageHandler, Refused
from channelshim.contracts.overview import KnownId, LivePage
from channelshim.protocol.window import parse_after, skipped

TAIL_TEXTS: Final = 200
"""Messages that one look at a tail returns at most; the next one goes on."""

LONGEST_SHOWN: Final = 4096
"""Characters of a message in a tail."""

LONGEST_TAIL: Final = 256 * 1024
"""Characters of all of them in one look."""


class ChannelPage(PageHandler):
    """One client id: its pages, its window, its messages, and what can be done."""

    template: ClassVar[str] = "channel.html"
    title: ClassVar[str] = "Channel"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        client_id = self._id()
        known = self.sources.overview.find(client_id)
        return {
            "client_id": client_id,
            "known": None if known is None else known_facts(self, known),
            "pages": [
                _page_facts(page, known)
                for page in self.sources.overview.pages(client_id)
            ],
            "token_made": None,
            "default_minutes": limits.DEFAULT_TOKEN_MINUTES,
            "most_minutes": limits.MAXIMUM_TOKEN_DURATION_MINUTES,
            "tail": self._tail(client_id, known),
        }

    def _tail(self, client_id: str, known: KnownId | None) -> dict[str, Any]:
        """Return what was sent after a number: from the window, which is there anyway.

        Without a number: all that the window still has.
        """
        given = self.query("tail")
        after = parse_after(given)
        if given and after is None:
            raise Refused("tail must be the number of a message.")
        if after is None and known is not None:
            after = known.number - known.kept_messages
        number, texts = self.sources.channels.read_since(client_id, after)
        shown = _cut(texts)
        missed = skipped(after, number) if given and after is not None else 0
        return {"number": number + len(shown), "texts": shown, "missed": missed}

    def _id(self) -> str:
        return checked_id(self.query("id"))

    def do_send(self, **names: str) -> str:
        """Send a message, as the app would."""
        client_id = self._id()
        text = checked_message(self.text("message"))
        known = self.sources.overview.find(client_id)
        self.sources.channels.send(client_id, text)
        if known is None:
            return (
                "Nobody gets it: the id is not known, so nothing is kept. Create a "
                "token first."
            )
        return f"Sent {len(text)} characters."

    def do_token(self, **names: str) -> str:
        """Create a token, and show it."""
        client_id = self._id()
        most = limits.MAXIMUM_TOKEN_DURATION_MINUTES
        minutes = self.number("minutes", limits.DEFAULT_TOKEN_MINUTES, 1, most)
        token = self.sources.channels.create_token(client_id, minutes)
        facts = self.facts()
        facts["token_made"] = token
        # Shown here and not after a redirect: it must not stand in an address.
        self.answer(facts)
        return ""

    def do_tail(self, **names: str) -> str:
        """Open a channel of the console's own, for the page's script."""
        client_id = self._id()
        after = parse_after(self.text("after"))
        self.answer_json({"token": self.sources.tails.open(client_id, after)})
        return ""

    def do_disconnect(self, **names: str) -> str:
        """End one page, or all of them."""
        key = self.text("key")
        self.sources.overview.disconnect(self._id(), key or None)
        return "The page is ended." if key else "Its pages are ended."

    def do_connected(self, **names: str) -> str:
        """Tell the app that the id has come."""
        return self._report(is_connected=True)

    def do_disconnected(self, **names: str) -> str:
        """Tell the app that the id has gone."""
        return self._report(is_connected=False)

    def _report(self, *, is_connected: bool) -> str:
        status = self.sources.channels.report_presence(
            self._id(), is_connected=is_connected
        )
        what = "connected" if is_connected else "disconnected"
        if status == HTTPStatus.NOT_FOUND:
            return (
                f"The app has no handler for /_ah/channel/{what}/: it answered 404. "
                "Presence itself is as it was."
            )
        return f"The app was told {what}, and answered {status}."


def _cut(texts: list[str]) -> list[str]:
    """Return the first of texts, each and all together bounded."""
    shown: list[str] = []
    room = LONGEST_TAIL
    for text in texts[:TAIL_TEXTS]:
        room -= min(len(text), LONGEST_SHOWN)
        if room < 0:
            break
        shown.append(text[:LONGEST_SHOWN])
    return shown


def _page_facts(page: LivePage, known: KnownId | None) -> dict[str, Any]:
    behind = 0 if known is None else max(0, known.number - page.number)
    return {
        "key": page.key,
        "transport": page.transport,
        "number": page.number,
        "behind": behind,
        "waiting_bytes": page.waiting_bytes,
        "sent_bytes": page.sent_bytes,
        "opened_at": page.opened_at,
        "expires_at": page.expires_at,
        "user_agent": page.user_agent,
    }
