"""A listening socket that systemd has opened for this process.

systemd opens the sockets of a .socket unit itself and hands them to the service as open
descriptors from 3 on, so that nobody is refused while the service restarts. Two
variables say so: LISTEN_FDS, how many there are, and LISTEN_PID, whom they are for.

Source: sd_listen_fds(3).
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from typing import Final

from channelshim.errors import ConfigurationError

COUNT: Final = "LISTEN_FDS"
"""The variable that is there when sockets are."""

_PROCESS: Final = "LISTEN_PID"
_ALL: Final = (COUNT, _PROCESS, "LISTEN_FDNAMES", "LISTEN_PIDFDID")
_FIRST: Final = 3


def inherited_listener(
    variables: MutableMapping[str, str], process_id: int
) -> socket.socket | None:
    """Return the socket that this process was started with; None for none.

    Asked once: the variables are removed, since a reload hands the socket on by itself
    and the app's own child processes have no business with it.

    Args:
        variables: the process's environment.
        process_id: of this process.

    Raises:
        ConfigurationError: there are several, or it does not listen on TCP.
    """
    if variables.get(_PROCESS) != str(process_id):
        # A shell has passed on what was meant for itself.
        return None
    count = variables.get(COUNT, "")
    for name in _ALL:
        variables.pop(name, None)
    if count in ("", "0"):
        return None
    if count != "1":
        raise ConfigurationError(
            f"systemd hands over {count} sockets, and serve takes one: leave one "
            "ListenStream= in the .socket unit"
        )
    return _listener(_FIRST)


def _listener(number: int) -> socket.socket:
    try:
        found = socket.socket(fileno=number)
    except OSError:
        raise ConfigurationError(
            f"{COUNT} says that descriptor {number} is a socket, and it is not: start "
            "the service by its .socket unit"
        ) from None
    is_tcp = found.family in (socket.AF_INET, socket.AF_INET6)
    if not is_tcp or found.type != socket.SOCK_STREAM or not _listens(found):
        found.close()
        raise ConfigurationError(
            "the socket that systemd hands over does not listen on TCP: have the "
            ".socket unit say ListenStream=127.0.0.1:8080, and leave Accept= out"
        )
    os.set_inheritable(number, False)
    found.setblocking(False)
    return found


def _listens(found: socket.socket) -> bool:
    return bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
