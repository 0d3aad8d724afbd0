"""What the kernel is asked of a connection's socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from typing import Any, Final

KERNEL_SEND_BUFFER_BYTES: Final = 64 << 10
"""What the kernel is asked to hold for a page at most."""

if sys.platform == "win32":
    termios = None
else:
    import fcntl
    import termios

_BYTES_ACKNOWLEDGED: Final = struct.Struct("=Q")
_TCP_INFO_BYTES: Final = 128
"""Of tcp_info, up to and with tcpi_bytes_acked."""

_AT_ONCE = struct.pack("ii", 1, 0)


def is_encrypted(transport: asyncio.Transport) -> bool:
    """Return whether the transport encrypts what is written to it.

    Then nothing may be written to its socket past it.
    """
    return transport.get_extra_info("sslcontext") is not None


def bound_send_buffer(transport: asyncio.Transport) -> None:
    """Have the kernel hold KERNEL_SEND_BUFFER_BYTES for a page at most.

    By itself it holds megabytes for each that does not read.
    """
    own = _socket_of(transport)
    if own is not None:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_SEND_BUFFER_BYTES)


def unacknowledged_bytes(transport: asyncio.Transport) -> int:
    """Return how many bytes the kernel holds for the peer; 0 where it does not say."""
    own = _socket_of(transport)
    if own is not None and termios is not None:
        with contextlib.suppress(OSError, ValueError):
            queued = fcntl.ioctl(own.fileno(), termios.TIOCOUTQ, bytes(4))
            return int.from_bytes(queued, sys.byteorder)
    return 0


def acknowledged_bytes(transport: asyncio.Transport) -> int | None:
    """Return how many bytes the peer's machine has taken; None where nobody counts.

    Linux counts them for each connection by itself (tcp_info, linux/tcp.h).
    """
    own = _socket_of(transport)
    if own is None or sys.platform != "linux":
        return None
    with contextlib.suppress(OSError, ValueError):
        facts = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        if len(facts) == _TCP_INFO_BYTES:
            count: int = _BYTES_ACKNOWLEDGED.unpack_from(facts, _TCP_INFO_BYTES - 8)[0]
            return count
    return None


def reset(transport: asyncio.Transport) -> None:
    """End a connection at once, for the kernel and the peer too.

    A plain close would wait behind what the peer does not read, for minutes.
    """
    own = _socket_of(transport)
    if own is not None:
        with contextlib.suppress(OSError):
            reset_at_close(own)
    transport.abort()


def reset_at_close(own: socket.socket) -> None:
    """Have a socket's close end its connection at once.

    Raises:
        OSError: it is closed already.
    """
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)


def descriptor(transport: asyncio.Transport) -> int:
    """Return the number of the transport's socket; its protocol must outlive it."""
    number: int = _socket_of(transport).fileno()
    return number


def _socket_of(transport: asyncio.Transport) -> Any:
    return transport.get_extra_info("socket")
