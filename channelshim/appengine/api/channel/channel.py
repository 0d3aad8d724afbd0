"""google.appengine.api.channel.channel: the Channel API's functions and errors.

Names, arguments, checks, their order and their texts are Google's: parts A and B of
docs/reference/contract.md.
Calls go through Google's API proxy, so that stubs and hooks of tests and apps see
them; only when the service behind it is channelshim's own and nothing stands in
between does send_message call it directly, which is 50 times cheaper.
"""

from __future__ import annotations

import os
from typing import Any

from google.appengine.api import apiproxy_stub_map
from google.appengine.runtime import apiproxy_errors

from channelshim import limits
from channelshim.errors import BrokerError
from channelshim.protocol.tokens import (
    MAXIMUM_TOKEN_LENGTH,
    client_id_bytes,
    client_id_text,
    looks_like_token,
)
from channelshim.services import channel_messages as messages

MAXIMUM_CLIENT_ID_LENGTH = limits.MAXIMUM_CLIENT_ID_LENGTH
MAXIMUM_TOKEN_DURATION_MINUTES = limits.MAXIMUM_TOKEN_DURATION_MINUTES
MAXIMUM_MESSAGE_LENGTH = limits.MAXIMUM_MESSAGE_LENGTH

_CHECKED_IDS = 65_536
"""Client ids remembered as checked; then all are forgotten and checked again."""


class Error(Exception):
    """The base of the errors of this module."""


class InvalidChannelClientIdError(Error):
    """The client id is not text, too long, or empty."""


class InvalidChannelTokenDurationError(Error):
    """The duration is not a whole number of minutes within its bounds."""


class InvalidMessageError(Error):
    """The message is not text, too long, or empty."""


class AppIdAliasRequired(Error):
    """Production asked some apps for an alias first; never raised here by itself."""


def create_channel(client_id: str | bytes, duration_minutes: int | None = None) -> str:
    """Create a token that lets a browser open the channel of client_id.

    Args:
        client_id: text or UTF-8 bytes, at most MAXIMUM_CLIENT_ID_LENGTH bytes.
        duration_minutes: 1 to MAXIMUM_TOKEN_DURATION_MINUTES; None means 120.

    Returns:
        the token; each call gives another one, all stay valid side by side.

    Raises:
        InvalidChannelClientIdError: not text, too long or empty.
        InvalidChannelTokenDurationError: not an int, or out of bounds.
        Error: the broker's server does not answer.

    Source: SDK 1.9.88, api/channel/channel.py, create_channel.
    Differs: D1, D17, D19.
    """
    key = _validate_client_id(client_id)
    if duration_minutes is not None:
        _validate_duration(duration_minutes)
    service = getattr(apiproxy_stub_map.apiproxy, "direct_channel", None)
    if service is not None and key:
        try:
            direct: str = service.create(client_id_text(key), duration_minutes)
        except BrokerError as error:
            raise Error(f"no channel was created: {error}") from error
        return direct
    request = messages.CreateChannelRequest(application_key=key)
    if duration_minutes is not None:
        request.duration_minutes = int(duration_minutes)
    response = messages.CreateChannelResponse()
    _call("CreateChannel", request, response)
    token: str = response.token
    return token


def send_message(client_id: str | bytes, message: str | bytes) -> None:
    """Send message to every page that has the channel of client_id open.

    Never blocks on a page and never fails for one that is absent.

    Args:
        client_id: text or UTF-8 bytes; or a token of it.
        message: text or UTF-8 bytes, 1 to MAXIMUM_MESSAGE_LENGTH bytes; bytes that are
            not UTF-8 arrive with replacement characters.

    Raises:
        InvalidChannelClientIdError: not text, or too long.
        InvalidMessageError: not text, too long or empty.
        Error: too many messages wait for a broker's server that does not answer.

    Source: SDK 1.9.88, api/channel/channel.py, send_message.
    Differs: D2, D12, D19, D20.
    """
    checked, text = _checked
    try:
        publish = apiproxy_stub_map.apiproxy.direct_publish
    except AttributeError:
        # A foreign stub map.
        publish = None
    # A text just checked need not be checked again, nor an id that was. Equal ones
    # become the same object, which is what the broker joins. Only plain text is looked
    # up: what an app derives from it, or bytes that equal it, may be more than equal.
    try:
        if (
            publish is not None
            and (message is checked or (type(message) is str and message == text))
            and type(client_id) is str
            and client_id in _checked_ids
        ):
            publish(client_id, text)
        else:
            _send_checked(client_id, message)
    except BrokerError as error:
        raise Error(f"the message was not sent: {error}") from error


_checked_ids: set[str] = set()
# The message last checked, as it was given, and its text: replaced as one, since other
# threads look at it. Not None at first: that is a message which somebody may send.
_checked: tuple[Any, Any] = (object(), object())


def _send_checked(client_id: Any, message: Any) -> None:
    global _checked
    service = getattr(apiproxy_stub_map.apiproxy, "direct_channel", None)
    if service is None:
        _send_by_proxy(client_id, message)
        return
    key = _resolve(service, client_id)
    checked, text = _checked
    if not (message is checked or (type(message) is str and message == text)):
        text = _validate_message(message).decode("utf-8", "replace")
        if not text:
            raise InvalidMessageError("")
        if type(message) is str and text == message:
            text = message
        _checked = message, text
    service.publish(key, text)


def _resolve(service: Any, client_id: Any) -> str:
    """Check an id and return it as text; a token becomes its client id."""
    if isinstance(client_id, (str, bytes)) and looks_like_token(client_id):
        raw = client_id if isinstance(client_id, str) else client_id.decode("latin-1")
        resolved: str = service.resolve(raw)
        if resolved != raw:
            return resolved
    text = client_id_text(_validate_client_id(client_id, is_token_allowed=True))
    if not looks_like_token(text):
        if len(_checked_ids) >= _CHECKED_IDS:
            _checked_ids.clear()
        _checked_ids.add(text)
    return text


def _send_by_proxy(client_id: Any, message: Any) -> None:
    key = _validate_client_id(client_id, is_token_allowed=True)
    request = messages.SendMessageRequest(
        application_key=key, message=_validate_message(message)
    )
    _call("SendChannelMessage", request, messages.SendMessageResponse())


def _validate_client_id(client_id: Any, *, is_token_allowed: bool = False) -> bytes:
    if isinstance(client_id, str):
        key = client_id_bytes(client_id)
    elif isinstance(client_id, bytes):
        key = client_id
    else:
        raise InvalidChannelClientIdError(f'"{client_id!s}" is not a string.')
    longest = MAXIMUM_CLIENT_ID_LENGTH
    if is_token_allowed and len(key) > longest and looks_like_token(key):
        longest = MAXIMUM_TOKEN_LENGTH
    if len(key) > longest:
        raise InvalidChannelClientIdError(
            f"Client id length {len(key)} is greater than max length "
            f"{MAXIMUM_CLIENT_ID_LENGTH}"
        )
    return key


def _validate_duration(duration_minutes: Any) -> None:
    if not isinstance(duration_minutes, int):
        raise InvalidChannelTokenDurationError(
            "Argument duration_minutes must be integral"
        )
    if duration_minutes < 1:
        raise InvalidChannelTokenDurationError(
            "Argument duration_minutes must not be less than 1"
        )
    if duration_minutes > MAXIMUM_TOKEN_DURATION_MINUTES:
        raise InvalidChannelTokenDurationError(
            "Argument duration_minutes must be less than "
            f"{MAXIMUM_TOKEN_DURATION_MINUTES + 1}"
        )


def _validate_message(message: Any) -> bytes:
    if isinstance(message, str):
        encoded = message.encode("utf-8", "replace")
    elif isinstance(message, bytes):
        encoded = bytes(message)
    else:
        raise InvalidMessageError("Message must be a string")
    if len(encoded) > MAXIMUM_MESSAGE_LENGTH:
        raise InvalidMessageError(
            f"Message must be no longer than {MAXIMUM_MESSAGE_LENGTH} chars"
        )
    return encoded


def _call(method: str, request: Any, response: Any) -> None:
    try:
        apiproxy_stub_map.MakeSyncCall(_GetService(), method, request, response)
    except BrokerError as error:
        raise Error(f"the broker could not do it: {error}") from error
    except apiproxy_errors.ApplicationError as error:
        raise _ToChannelError(error) from error


def _GetService() -> str:
    """Return the service's name: "xmpp" where SERVER_SOFTWARE is production's.

    Source: SDK 1.9.88, api/channel/channel.py, _GetService; case 118 of
        docs/reference/contract.md.
    """
    software = os.environ.get("SERVER_SOFTWARE", "")
    return "channel" if software.startswith(("Devel", "test")) else "xmpp"


def _ToChannelError(error: Any) -> Exception:
    """Return the error of this module that stands for a service error, or error."""
    translated = {
        messages.ErrorCode.INVALID_CHANNEL_KEY: InvalidChannelClientIdError,
        messages.ErrorCode.BAD_MESSAGE: InvalidMessageError,
        messages.ErrorCode.APPID_ALIAS_REQUIRED: AppIdAliasRequired,
    }
    if error.application_error in translated:
        return translated[error.application_error](error.error_detail)
    unchanged: Exception = error
    return unchanged
