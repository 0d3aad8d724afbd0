"""google.net.proto.ProtocolBuffer: the errors and the base of the old messages."""

from __future__ import annotations

from google.protobuf.message import DecodeError, EncodeError, Message

__all__ = ["ProtocolBufferDecodeError", "ProtocolBufferEncodeError", "ProtocolMessage"]

ProtocolBufferDecodeError = DecodeError
ProtocolBufferEncodeError = EncodeError
ProtocolMessage = Message
