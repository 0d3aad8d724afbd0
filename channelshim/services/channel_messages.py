"""The Channel service's messages and error codes, as the API proxy carries them.

The classes are made at run time from descriptors.

Source: names, numbers and types of SDK 1.9.88, api/channel/channel_service_pb.py.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE: Final = "channelshim.channel"
_Field = descriptor_pb2.FieldDescriptorProto


class ErrorCode(IntEnum):
    """ChannelServiceError.ErrorCode."""

    OK = 0
    INTERNAL_ERROR = 1
    INVALID_CHANNEL_KEY = 2
    BAD_MESSAGE = 3
    INVALID_CHANNEL_TOKEN_DURATION = 4
    APPID_ALIAS_REQUIRED = 5


def _file() -> descriptor_pb2.FileDescriptorProto:
    # (message, ((field, number, type, label), ...)); text travels as bytes, since ids
    # and messages of Python 2.7 apps need not be UTF-8.
    required, optional = _Field.LABEL_REQUIRED, _Field.LABEL_OPTIONAL
    layout = (
        (
            "CreateChannelRequest",
            (
                ("application_key", 1, _Field.TYPE_BYTES, required),
                ("duration_minutes", 2, _Field.TYPE_INT32, optional),
            ),
        ),
        ("CreateChannelResponse", (("token", 2, _Field.TYPE_STRING, optional),)),
        (
            "SendMessageRequest",
            (
                ("application_key", 1, _Field.TYPE_BYTES, required),
                ("message", 2, _Field.TYPE_BYTES, required),
            ),
        ),
        ("SendMessageResponse", ()),
    )
    file = descriptor_pb2.FileDescriptorProto(
        name="channelshim/channel.proto", package=PACKAGE, syntax="proto2"
    )
    for name, fields in layout:
        message = file.message_type.add(name=name)
        for field, number, type_, label in fields:
            message.field.add(name=field, number=number, type=type_, label=label)
    return file


POOL: Any = descriptor_pool.DescriptorPool()
"""Of their own: the default pool is everybody's."""

POOL.Add(_file())


def _message(name: str) -> Any:
    descriptor = POOL.FindMessageTypeByName(f"{PACKAGE}.{name}")
    return message_factory.GetMessageClass(descriptor)


CreateChannelRequest: Any = _message("CreateChannelRequest")
CreateChannelResponse: Any = _message("CreateChannelResponse")
SendMessageRequest: Any = _message("SendMessageRequest")
SendMessageResponse: Any = _message("SendMessageResponse")
