"""google.appengine.api.channel.channel_service_pb: messages and error numbers."""

from __future__ import annotations

from typing import Any

from channelshim.compat.legacy_messages import legacy_kind
from channelshim.services import channel_messages
from channelshim.services.channel_messages import ErrorCode

__all__ = [
    "ChannelServiceError",
    "CreateChannelRequest",
    "CreateChannelResponse",
    "SendMessageRequest",
    "SendMessageResponse",
]


CreateChannelRequest: Any = legacy_kind(channel_messages.CreateChannelRequest)
CreateChannelResponse: Any = legacy_kind(channel_messages.CreateChannelResponse)
SendMessageRequest: Any = legacy_kind(channel_messages.SendMessageRequest)
SendMessageResponse: Any = legacy_kind(channel_messages.SendMessageResponse)


class ChannelServiceError:
    """The service's error numbers, as suites give them to SetError."""

    OK = int(ErrorCode.OK)
    INTERNAL_ERROR = int(ErrorCode.INTERNAL_ERROR)
    INVALID_CHANNEL_KEY = int(ErrorCode.INVALID_CHANNEL_KEY)
    BAD_MESSAGE = int(ErrorCode.BAD_MESSAGE)
    INVALID_CHANNEL_TOKEN_DURATION = int(ErrorCode.INVALID_CHANNEL_TOKEN_DURATION)
    APPID_ALIAS_REQUIRED = int(ErrorCode.APPID_ALIAS_REQUIRED)

    @classmethod
    def ErrorCode_Name(cls, number: int) -> str:
        """Return the name of an error number; "" for an unknown one."""
        try:
            return ErrorCode(number).name
        except ValueError:
            return ""
