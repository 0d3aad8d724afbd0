"""socket: strings of either kind through the wire."""

from __future__ import annotations

import socket as real
from typing import Any

from channelshim.python27.helpers.files import over
from channelshim.python27.strings import NativeStr, to_bytes

__all__ = [
    *("socket", "SocketType", "inet_aton", "inet_ntoa", "inet_pton", "inet_ntop"),
    *("create_connection", "fromfd", "socketpair"),
]


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
        made = _taken_over(plain)
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


def _taken_over(plain: real.socket) -> socket:
    """Return the socket of Python 3 as one of ours."""
    timeout = plain.gettimeout()
    made = socket(plain.family, plain.type, plain.proto, fileno=plain.detach())
    made.settimeout(timeout)
    return made


def create_connection(*args: Any, **named: Any) -> socket:
    """Return a socket that is connected to an address."""
    return _taken_over(real.create_connection(*args, **named))


def fromfd(*args: Any) -> socket:
    """Return a socket over a copy of a descriptor."""
    return _taken_over(real.fromfd(*args))


def socketpair(*args: Any) -> tuple[socket, socket]:
    """Return two sockets that are connected."""
    one, other = real.socketpair(*args)
    return _taken_over(one), _taken_over(other)


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
