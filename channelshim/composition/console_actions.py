"""What the console does to channels and within the app, when somebody asks it to."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import Any, Final

from channelshim import limits
from channelshim.appserver.internal import internal_environ
from channelshim.composition.front import Front
from channelshim.composition.instance import Instance
from channelshim.contracts.broker import Replay
from channelshim.contracts.dispatcher import InternalRequest
from channelshim.errors import BrokerError
from channelshim.hub.reports import presence_request
from channelshim.protocol.tokens import TokenClaims, expiry
from channelshim.runtime.environment import RequestScope
from channelshim.runtime.variables import request_variables

ANSWER_SECONDS: Final = 5.0
"""How long a page of the console waits for the loop or a back end."""

_NONCE_BYTES: Final = 8


class Channels:
    """Implements console.sources.ChannelActions.

    Args:
        instance: with its store open.
        front: its connections.
    """

    def __init__(self, instance: Instance, front: Front) -> None:
        self._instance = instance
        self._front = front

    def send(self, client_id: str, text: str) -> None:
        """See console.sources.ChannelActions."""
        self._instance.broker.publish(client_id, text)

    def create_token(self, client_id: str, minutes: int | None) -> str:
        """See console.sources.ChannelActions."""
        instance = self._instance
        claims = TokenClaims(
            client_id,
            expiry(
                instance.clock.time(),
                limits.DEFAULT_TOKEN_MINUTES if minutes is None else minutes,
            ),
            instance.broker.expect(client_id),
            secrets.token_bytes(_NONCE_BYTES),
        )
        return instance.tokens.sign(claims)

    def report_presence(self, client_id: str, *, is_connected: bool) -> int:
        """See console.sources.ChannelActions."""
        request = presence_request(client_id, is_connected=is_connected)
        return self._instance.sites.dispatch(request).status

    def read_since(self, client_id: str, after: int | None) -> tuple[int, list[str]]:
        """See console.sources.ChannelActions."""
        found: Future[Replay] = Future()

        def done(replay: Replay) -> None:
            if not found.done():
                found.set_result(replay)

        def failed(error: BrokerError) -> None:
            if not found.done():
                found.set_exception(error)

        self._front.hub.ask(
            functools.partial(self._front.hub.replay, client_id, after, done, failed)
        )
        try:
            replay = found.result(ANSWER_SECONDS)
        except FutureTimeout as error:
            raise BrokerError("the channels did not answer: try again") from error
        return replay.number, list(replay.texts)


class AppScope:
    """Implements console.sources.InApp: a request of the app without a request.

    Args:
        instance: whose app.
        url: of the app.
    """

    def __init__(self, instance: Instance, url: str) -> None:
        self._application = instance.plan.application
        self._host = url.partition("://")[2]

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """See console.sources.InApp."""
        environ = internal_environ(InternalRequest("GET", "/"), self._host)
        scope = RequestScope(request_variables(self._application, environ, None))
        try:
            answer = scope.run(functools.partial(function, *arguments))
        except BaseException:
            # What failed first is what matters.
            with suppress(Exception):
                scope.close()
            raise
        scope.close()
        return answer
