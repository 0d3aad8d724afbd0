"""uuid: identifiers made of strings of either kind."""

from __future__ import annotations

import uuid
from typing import Any

from channelshim.python27.strings import NativeStr, to_bytes, to_text

__all__ = [
    "UUID",
    "uuid1",
    "uuid3",
    "uuid4",
    "uuid5",
    "NAMESPACE_DNS",
    "NAMESPACE_URL",
    "NAMESPACE_OID",
    "NAMESPACE_X500",
]


class UUID(uuid.UUID):
    """An identifier."""

    def __init__(
        self,
        hex: Any = None,
        bytes: Any = None,
        bytes_le: Any = None,
        fields: Any = None,
        int: Any = None,
        version: Any = None,
    ) -> None:
        super().__init__(
            None if hex is None else to_text(hex),
            None if bytes is None else to_bytes(bytes),
            None if bytes_le is None else to_bytes(bytes_le),
            fields,
            int,
            version,
        )

    @property
    def bytes(self) -> NativeStr:
        """Its sixteen bytes."""
        return NativeStr(super().bytes)

    @property
    def bytes_le(self) -> NativeStr:
        """Its sixteen bytes, some in the other order."""
        return NativeStr(super().bytes_le)

    def get_hex(self) -> str:
        """Return its digits."""
        return self.hex


def _own(made: uuid.UUID) -> UUID:
    return UUID(int=made.int)


NAMESPACE_DNS: UUID = _own(uuid.NAMESPACE_DNS)
NAMESPACE_URL: UUID = _own(uuid.NAMESPACE_URL)
NAMESPACE_OID: UUID = _own(uuid.NAMESPACE_OID)
NAMESPACE_X500: UUID = _own(uuid.NAMESPACE_X500)


def uuid1(node: Any = None, clock_seq: Any = None) -> UUID:
    """Return an identifier made of the time."""
    return _own(uuid.uuid1(node, clock_seq))


def uuid3(namespace: Any, name: Any) -> UUID:
    """Return an identifier made of a name, by MD5."""
    return _own(uuid.uuid3(uuid.UUID(int=namespace.int), to_text(name)))


def uuid4() -> UUID:
    """Return a random identifier."""
    return _own(uuid.uuid4())


def uuid5(namespace: Any, name: Any) -> UUID:
    """Return an identifier made of a name, by SHA-1."""
    return _own(uuid.uuid5(uuid.UUID(int=namespace.int), to_text(name)))
