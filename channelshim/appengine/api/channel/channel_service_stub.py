"""google.appengine.api.channel.channel_service_stub: the testbed's Channel service.

It keeps messages in lists that a test reads, with the old stub's semantics: what is
sent before `connect_channel` is lost. It touches neither hub nor broker.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from typing import Any

from google.appengine.api import apiproxy_stub
from google.appengine.runtime import apiproxy_errors

from channelshim import limits
from channelshim.errors import InvalidToken, TokenExpired
from channelshim.protocol.tokens import (
    TokenClaims,
    TokenSigner,
    client_id_text,
    expiry,
)
from channelshim.services.channel_messages import ErrorCode

_signer = TokenSigner([secrets.token_bytes(32)])
"""One for the process: a token outlives the testbed that made it, as it did."""

_FORM = [("Content-Type", "application/x-www-form-urlencoded")]


class Error(Exception):
    """The base of the errors of this module; not of channel.Error."""


class InvalidTokenError(Error):
    """The token is not one of ours."""


class TokenTimedOutError(Error):
    """The token's time is over."""


class ChannelServiceStub(apiproxy_stub.APIProxyStub):  # type: ignore[misc]
    """What `testbed.get_stub("channel")` gives.

    Every public method takes a token, never a client id, unless its name for the
    argument says so.

    Args:
        log: called with a format and its arguments; tokens are never among them.
        service_name: what calls are expected for.
        time_func: returns Unix seconds; a test may move it.
        request_data: gives the dispatcher that presence goes to; None means Google's
            own, which only logs a warning.

    Source: SDK 1.9.88, api/channel/channel_service_stub.py; part I of
        docs/reference/contract.md.
    """

    THREADSAFE = True
    CHANNEL_TIMEOUT_SECONDS = 2
    XMPP_PUBLIC_IP = limits.PRESENCE_REMOTE_ADDRESS
    CHANNEL_TOKEN_DEFAULT_DURATION = limits.DEFAULT_TOKEN_MINUTES
    CHANNEL_TOKEN_IDENTIFIER = "channel"

    def __init__(
        self,
        log: Callable[..., object] = logging.debug,
        service_name: str = "channel",
        time_func: Callable[[], float] = time.time,
        request_data: Any = None,
    ) -> None:
        super().__init__(service_name, request_data=request_data)
        self._log = log
        self._time_func = time_func
        # A few suites look in here: client id to the list of its messages.
        self._connected_channel_messages: dict[str, list[str]] = {}

    def _Dynamic_CreateChannel(self, request: Any, response: Any) -> None:
        if not request.application_key:
            raise apiproxy_errors.ApplicationError(ErrorCode.INVALID_CHANNEL_KEY, "")
        minutes = self.CHANNEL_TOKEN_DEFAULT_DURATION
        if request.HasField("duration_minutes"):
            minutes = request.duration_minutes
        client_id = client_id_text(request.application_key)
        claims = TokenClaims(
            client_id, expiry(self._time_func(), minutes), 0, secrets.token_bytes(8)
        )
        response.token = _signer.sign(claims)
        self._log("Made a token for %r, %d minutes", client_id, minutes)

    @apiproxy_stub.Synchronized  # type: ignore[untyped-decorator,unused-ignore]
    def _Dynamic_SendChannelMessage(self, request: Any, response: Any) -> None:
        if not request.message:
            raise apiproxy_errors.ApplicationError(ErrorCode.BAD_MESSAGE, "")
        name = client_id_text(request.application_key)
        # A valid token addresses its client id; anything else is one.
        client_id = self.client_id_from_token(name) or name
        messages = self._connected_channel_messages.get(client_id)
        if messages is None:
            self._log("Nobody is connected as %r, its message is dropped", client_id)
            return
        messages.append(request.message.decode("utf-8", "replace"))

    def validate_token_and_extract_client_id(self, token: str) -> str:
        """Return the client id of a token.

        Raises:
            InvalidTokenError: malformed or altered; this is looked at first.
            TokenTimedOutError: genuine, and its time is over.
        """
        if not isinstance(token, (str, bytes)):
            raise InvalidTokenError
        try:
            return _signer.verify(token, self._time_func()).client_id
        except InvalidToken:
            raise InvalidTokenError from None
        except TokenExpired:
            raise TokenTimedOutError from None

    def client_id_from_token(self, token: str) -> str | None:
        """Return the client id of a token; None when it is bad or its time is over."""
        try:
            return self.validate_token_and_extract_client_id(token)
        except Error:
            return None

    @apiproxy_stub.Synchronized  # type: ignore[untyped-decorator,unused-ignore]
    def get_channel_messages(self, token: str) -> list[str] | None:
        """Return the live list of waiting messages; None when not connected."""
        return self._connected_channel_messages.get(self._key(token))

    @apiproxy_stub.Synchronized  # type: ignore[untyped-decorator,unused-ignore]
    def has_channel_messages(self, token: str) -> bool:
        """Return whether messages wait; False when not connected."""
        return bool(self._connected_channel_messages.get(self._key(token)))

    @apiproxy_stub.Synchronized  # type: ignore[untyped-decorator,unused-ignore]
    def pop_first_message(self, token: str) -> str | None:
        """Take the oldest waiting message; None when there is none."""
        messages = self._connected_channel_messages.get(self._key(token))
        return messages.pop(0) if messages else None

    @apiproxy_stub.Synchronized  # type: ignore[untyped-decorator,unused-ignore]
    def clear_channel_messages(self, token: str) -> None:
        """Begin a new list; one fetched earlier keeps its contents."""
        client_id = self._key(token)
        if client_id in self._connected_channel_messages:
            self._connected_channel_messages[client_id] = []

    @apiproxy_stub.Synchronized  # type: ignore[untyped-decorator,unused-ignore]
    def connect_channel(self, token: str) -> None:
        """Do what a page's connecting does; connected already, push the timer.

        Raises:
            InvalidTokenError, TokenTimedOutError: as the check of the token does.
        """
        client_id = self.validate_token_and_extract_client_id(token)
        if client_id in self._connected_channel_messages:
            self._dispatcher().update_event(
                self._deadline(), "channel-disconnect", client_id
            )
            return
        # The list first: the app's handler may send to the id at once.
        self._connected_channel_messages[client_id] = []
        self.add_connect_event(client_id)
        self.add_disconnect_event(client_id)

    @apiproxy_stub.Synchronized  # type: ignore[untyped-decorator,unused-ignore]
    def connect_and_pop_first_message(self, token: str) -> str | None:
        """Connect, then take the oldest message; None when there is none."""
        self.connect_channel(token)
        message: str | None = self.pop_first_message(token)
        return message

    def add_connect_event(self, client_id: str) -> None:
        """Tell the app through the dispatcher that client_id has connected."""
        self._post(limits.PATH_CONNECTED, client_id)

    def add_disconnect_event(self, client_id: str) -> None:
        """Arm the timer after which client_id counts as gone."""
        self._dispatcher().add_event(
            lambda: self.disconnect_channel_event(client_id),
            self._deadline(),
            "channel-disconnect",
            client_id,
        )

    @apiproxy_stub.Synchronized  # type: ignore[untyped-decorator,unused-ignore]
    def disconnect_channel_event(self, client_id: str) -> None:
        """Drop the messages of client_id and tell the app that it is gone."""
        self._connected_channel_messages.pop(client_id, None)
        self._post(limits.PATH_DISCONNECTED, client_id)

    def _key(self, token: str) -> str:
        # "" is not a client id: nothing is ever connected as it.
        return self.client_id_from_token(token) or ""

    def _deadline(self) -> float:
        return self._time_func() + self.CHANNEL_TIMEOUT_SECONDS

    def _dispatcher(self) -> Any:
        return self.request_data.get_dispatcher()

    def _post(self, path: str, client_id: str) -> None:
        self._dispatcher().add_async_request(
            "POST", path, list(_FORM), f"from={client_id}", self.XMPP_PUBLIC_IP
        )
