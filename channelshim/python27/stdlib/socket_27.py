"""socket: strings of either kind through the wire."""

from __future__ import annotations

import socket as real
from typing import Any

from channelshim.python27.helpers.files import over
from channelshim.python27.strings import NativeStr, to_bytes

__all__ = ["socket", "SocketType", "inet_aton", "inet_ntoa", "inet_pton", "inet_ntop"]


class socket(real.socket):
    """A socket."""

    def send(self, data: Any, *flags: Any) -> int:
        """Send a string, or part of it."""
        return super().send(to_bytes(data), *flags)

    def sendall(self, data: Any, *flags: Any) -> None:
        """Send a string."""
        super().sendall(to_bytes(data), *flags)

    def sendto(self, data: Any, *where: Any) -> int:
        """Send a string to an address."""
        return super().sendto(to_bytes(data), *where)

    def recv(self, *args: Any) -> NativeStr:
        """Return what has come."""
        return NativeStr(super().recv(*args))

    def recvfrom(self, *args: Any) -> tuple[NativeStr, Any]:
        """Return what has come, and from where."""
        data, address = super().recvfrom(*args)
        return NativeStr(data), address

    def accept(self) -> tuple[Any, Any]:
        """Return a connection, and from where it is."""
        plain, address = super().accept()
        made = socket(plain.family, plain.type, plain.proto, fileno=plain.detach())
        made.settimeout(self.gettimeout() if self.gettimeout() else None)
        return made, address

    def makefile(self, mode: Any = "r", bufsize: int = -1, **named: Any) -> Any:  # type: ignore[override]
        """Return a file over the connection."""
        if named:
            return super().makefile(mode, **named)
        plain = mode.replace("b", "") + "b"
        return over(
            super().makefile(plain, bufsize if bufsize > 1 else None), "<socket>", mode
        )


SocketType = socket


def inet_aton(string: Any) -> NativeStr:
    """Return an address as four bytes."""
    return NativeStr(real.inet_aton(string))


def inet_ntoa(packed: Any) -> str:
    """Return an address of four bytes as text."""
    return real.inet_ntoa(to_bytes(packed))


def inet_pton(family: int, string: Any) -> NativeStr:
    """Return an address as bytes."""
    return NativeStr(real.inet_pton(family, string))


def inet_ntop(family: int, packed: Any) -> str:
    """Return an address of bytes as text."""
    return real.inet_ntop(family, to_bytes(packed))
