"""Where the app's own listening socket comes from."""

from __future__ import annotations

import os
import socket

from channelshim.composition.settings import Settings


def listen(settings: Settings) -> socket.socket:
    """Return the socket that systemd has opened, else a new one.

    Args:
        settings: name the host and the port of a new one.

    Raises:
        ConfigurationError: systemd's is of another kind; or the port is taken or not
            allowed, or the host is unknown.
    """
    if "LISTEN_FDS" in os.environ:
        from channelshim.kernel.socket_activation import inherited_listener

        listener = inherited_listener(os.environ, os.getpid())
        if listener is not None:
            return listener
    from channelshim.server.binding import bind

    return bind(settings.host, settings.port)
