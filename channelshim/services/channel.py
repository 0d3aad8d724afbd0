"""The Channel service: tokens and messages, over the broker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.appengine.api import apiproxy_stub
from google.appengine.runtime import apiproxy_errors

from channelshim import limits
from channelshim.contracts.broker import MessageSender
from channelshim.contracts.clock import Clock
from channelshim.errors import TokenError
from channelshim.protocol.tokens import (
    TokenClaims,
    TokenSigner,
    client_id_text,
    expiry,
    looks_like_token,
)
from channelshim.services.channel_messages import ErrorCode


class ChannelService(apiproxy_stub.APIProxyStub):  # type: ignore[misc]
    """Makes tokens and sends messages; a stub for Google's API proxy as well.

    Args:
        tokens: signs.
        broker: numbers and delivers.
        clock: the time.
        nonce: returns 8 random bytes.
    """

    THREADSAFE = True

    def __init__(
        self,
        tokens: TokenSigner,
        broker: MessageSender,
        clock: Clock,
        nonce: Callable[[], bytes],
    ) -> None:
        super().__init__("channel", max_request_size=1 << 20)
        self._tokens = tokens
        self._broker = broker
        self._clock = clock
        self._nonce = nonce
        self.publish: Callable[[str, str], None] = broker.publish
        # Called once a test has injected an error: calls must pass the proxy then.
        self.on_error_set: Callable[[], None] = _nothing

    def create(self, client_id: str, minutes: int | None) -> str:
        """Return a new token for client_id, which is expected from now on.

        Args:
            client_id: not empty.
            minutes: whole; None means limits.DEFAULT_TOKEN_MINUTES.
        """
        now = self._clock.time()
        claims = TokenClaims(
            client_id,
            expiry(now, limits.DEFAULT_TOKEN_MINUTES if minutes is None else minutes),
            self._broker.expect(client_id),
            self._nonce(),
        )
        return self._tokens.sign(claims)

    def send(self, client_id_or_token: str, text: str) -> None:
        """Send text to a client id, or to that of a valid token. Never blocks."""
        self.publish(self.resolve(client_id_or_token), text)

    def resolve(self, client_id_or_token: str) -> str:
        """Return the client id of a valid token, anything else as it is.

        An expired or damaged token is taken for a literal client id, so the message is
        dropped in silence (case 24 of docs/reference/contract.md).
        """
        if not looks_like_token(client_id_or_token):
            return client_id_or_token
        try:
            claims = self._tokens.verify(client_id_or_token, self._clock.time())
        except TokenError:
            return client_id_or_token
        return claims.client_id

    def SetError(self, *args: Any, **kwargs: Any) -> None:
        """Make calls fail, as APIProxyStub.SetError does."""
        self.on_error_set()
        super().SetError(*args, **kwargs)

    def MakeSyncCall(
        self,
        service: str,
        call: str,
        request: Any,
        response: Any,
        request_id: str | None = None,
    ) -> None:
        """Answer a call of the proxy; production's name for the service counts too."""
        super().MakeSyncCall("channel", call, request, response, request_id)

    def _Dynamic_CreateChannel(self, request: Any, response: Any) -> None:
        if not request.application_key:
            raise apiproxy_errors.ApplicationError(ErrorCode.INVALID_CHANNEL_KEY)
        minutes = None
        if request.HasField("duration_minutes"):
            minutes = request.duration_minutes
        response.token = self.create(client_id_text(request.application_key), minutes)

    def _Dynamic_SendChannelMessage(self, request: Any, response: Any) -> None:
        if not request.message:
            raise apiproxy_errors.ApplicationError(ErrorCode.BAD_MESSAGE)
        client_id = client_id_text(request.application_key)
        self.send(client_id, request.message.decode("utf-8", "replace"))


def _nothing() -> None:
    """Stand in until the proxy listens."""
