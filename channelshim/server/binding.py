"""Listening sockets of names and ports, and a sentence where one cannot be had."""

from __future__ import annotations

import errno
import socket

from channelshim.errors import ConfigurationError
from channelshim.server.listening import WAITING_CONNECTIONS


def bind(host: str, port: int, *, prefix: str = "") -> socket.socket:
    """Return a listening socket.

    Args:
        host: name or address.
        port: 0 for any.
        prefix: of the flags that an error names: "admin_" for --admin_port.

    Raises:
        ConfigurationError: the port is taken or not allowed, or the host is unknown.
    """
    # A text, getaddrinfo would look at with the encodings.idna module.
    name = host.encode("ascii") if host.isascii() else host
    try:
        found = socket.getaddrinfo(
            name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror as error:
        raise ConfigurationError(
            f"cannot listen on {host!r}: unknown address; try --{prefix}host localhost"
        ) from error
    # localhost may mean ::1 first; browsers try both, and curl 127.0.0.1.
    family, kind, protocol, _, address = min(found, key=lambda f: f[0])
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(WAITING_CONNECTIONS)
    except OSError as error:
        listener.close()
        sentence = _bind_sentence(host, port, error, f"--{prefix}port")
        raise ConfigurationError(sentence) from error
    listener.setblocking(False)
    return listener


def _bind_sentence(host: str, port: int, error: OSError, flag: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is taken by another program: stop that one, or "
            f"choose another with {flag} {port + 1 if port < 65535 else 8081}"
        )
    if error.errno == errno.EACCES:
        return f"port {port} needs privileges: choose one above 1023 with {flag}"
    return f"{host}, port {port} cannot be used: {error.strerror}"
