"""Channels of the console's own: its pages see live what is sent to the app's ids.

A second hub stands beside the app's, with a broker in this process. The app hears
nothing of it: its ids are in no list, tell no handler, and count nowhere. What is sent
to an id of the app is read from that id's window, four times a second and only while a
page of the console looks: nothing stands in the way of a message.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Final

from channelshim.appserver.hosts import HostRule
from channelshim.broker.memory import MemoryBroker
from channelshim.contracts.broker import Replay
from channelshim.contracts.clock import Clock
from channelshim.contracts.presence import Change
from channelshim.errors import BrokerError
from channelshim.hub.hub import Hub
from channelshim.protocol.tokens import TokenClaims, TokenSigner, expiry
from channelshim.protocol.window import skipped
from channelshim.transports.acceptor import Acceptor
from channelshim.transports.connection_table import ConnectionTable
from channelshim.transports.origins import Origins
from channelshim.transports.polling import Poller
from channelshim.transports.routes import Routes

LOOK_SECONDS: Final = 0.25
"""Between two looks at the windows that somebody watches."""

MOST_TAILS: Final = 64
"""Tails at a time; the oldest gives way."""

LONGEST_TEXT: Final = 4096
"""Characters of a message that a tail shows."""

TEXTS_AT_ONCE: Final = 200
"""Messages of one look; the next one goes on."""

CHARACTERS_AT_ONCE: Final = 128 * 1024
"""Of those together: a page must be able to take it within its send buffer."""

_MINUTES: Final = 120
_WINDOW_SECONDS: Final = 60.0
_WINDOW_BYTES: Final = 4 << 20
_SEND_BUFFER_BYTES: Final = 1 << 20
_GRACE_SECONDS: Final = 2.0
_SECRET_BYTES: Final = 32
_NONCE_BYTES: Final = 8
_ID_BYTES: Final = 12


class _Tail:
    """What a page watches. Loop thread.

    Args:
        hub: the app's.
        client_id: of the app.
        after: number of the last message that was seen; None for from now.
        tell: takes what is new, as JSON.

    Attributes:
        is_open: whether the page is there.
    """

    def __init__(
        self,
        hub: Hub,
        client_id: str,
        after: int | None,
        tell: Callable[[str], None],
    ) -> None:
        self.is_open: bool = False
        self._hub = hub
        self._client_id = client_id
        self._after = after
        self._tell = tell
        # The broker has yet to answer.
        self._is_asked = False

    def open(self) -> None:
        """Note that the page is there."""
        self.is_open = True

    def close(self) -> None:
        """Note that the page has gone; it may come back with the same token."""
        self.is_open = False

    def look(self) -> None:
        """Ask for what the page has not seen."""
        if not self._is_asked:
            self._is_asked = True
            self._hub.replay(self._client_id, self._after, self._found, self._failed)

    def _found(self, replay: Replay) -> None:
        self._is_asked = False
        missed = 0 if self._after is None else skipped(self._after, replay.number)
        texts, room = [], CHARACTERS_AT_ONCE
        for text in replay.texts[:TEXTS_AT_ONCE]:
            texts.append(text[:LONGEST_TEXT])
            room -= len(texts[-1])
            if room <= 0:
                break
        self._after = replay.number + len(texts)
        if texts or missed:
            event = {"number": self._after, "texts": texts, "missed": missed}
            self._tell(json.dumps(event, ensure_ascii=False))

    def _failed(self, error: BrokerError) -> None:
        """Ask again at the next look: the back end is away."""
        self._is_asked = False


class ConsoleTails:
    """The console's own channels.

    Args:
        hub: the app's, whose windows are read.
        clock: the time.
        table: owns the connections.
        hosts: what Host may say.

    Attributes:
        acceptor: takes the console's WebSockets.
        routes: answers the console's polls, and the script.
    """

    def __init__(
        self, hub: Hub, clock: Clock, table: ConnectionTable, hosts: HostRule
    ) -> None:
        self._app_hub = hub
        self._clock = clock
        self._tokens = TokenSigner([secrets.token_bytes(_SECRET_BYTES)], "console")
        self._broker = MemoryBroker(
            clock,
            window_seconds=_WINDOW_SECONDS,
            window_total_bytes=_WINDOW_BYTES,
        )
        self._hub = Hub(self._broker, clock, self._tell, grace_seconds=_GRACE_SECONDS)
        poller = Poller(self._hub, self._tokens, clock, grace_seconds=_GRACE_SECONDS)
        origins = Origins()
        self.acceptor: Acceptor = Acceptor(
            self._hub,
            self._tokens,
            clock,
            lambda origin, host: (
                bool(host)
                and not hosts.refusal(host, "")
                and origins.allows(origin, host)
            ),
            table=table,
            send_buffer_bytes=_SEND_BUFFER_BYTES,
        )
        self.routes: Routes = Routes(poller, hosts.refusal, origins, has_sockets=True)
        # Loop thread only, as all that follows.
        self._tails: OrderedDict[str, _Tail] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_stopped = False

    def open(self, client_id: str, after: int | None) -> str:
        """Return a token of a channel that tells what is sent to client_id.

        Each of its messages is JSON: `number` of the last one, `texts`, and how many
        were `missed`. Any thread but the loop's.

        Args:
            client_id: of the app.
            after: number of the last message that is known; None for from now.
        """
        own_id = secrets.token_hex(_ID_BYTES)
        claims = TokenClaims(
            own_id,
            expiry(self._clock.time(), _MINUTES),
            self._broker.expect(own_id),
            secrets.token_bytes(_NONCE_BYTES),
        )
        tell = partial(self._broker.publish, own_id)
        tail = _Tail(self._app_hub, client_id, after, tell)
        self._app_hub.ask(partial(self._add, own_id, tail))
        return self._tokens.sign(claims)

    def stop(self) -> None:
        """Tell the pages to come back. Loop thread."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._loop is not None:
            self._hub.stop()

    # --- On the loop --------------------------------------------------------------

    def _add(self, own_id: str, tail: _Tail) -> None:
        if self._is_stopped:
            return
        if self._loop is None:
            # Only now: a hub that runs looks at its connections each second.
            self._loop = asyncio.get_running_loop()
            self._hub.start(self._loop)
        self._tails[own_id] = tail
        if len(self._tails) > MOST_TAILS:
            gone = (key for key, each in self._tails.items() if not each.is_open)
            del self._tails[next(gone, next(iter(self._tails)))]

    def _tell(self, own_id: str, what: Change) -> None:
        """Watch for a page that has come, and for one that has gone no more."""
        self._broker.told(own_id, what)
        if what is Change.DISCONNECTED:
            if own_id in self._tails:
                self._tails[own_id].close()
        elif own_id in self._tails:
            self._tails[own_id].open()
            self._arm()

    def _arm(self) -> None:
        if self._timer is None and self._loop is not None and not self._is_stopped:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        watched = [tail for tail in self._tails.values() if tail.is_open]
        for tail in watched:
            tail.look()
        if watched:
            self._arm()
