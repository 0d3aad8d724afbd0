"""Where the console listens, and by which names it is reached."""

from __future__ import annotations

import logging
import socket
from typing import Final

from channelshim.appserver.hosts import HostRule
from channelshim.composition.policy import is_on_loopback
from channelshim.composition.settings import Settings
from channelshim.contracts.identity import Login
from channelshim.errors import ConfigurationError
from channelshim.server.binding import bind

_logger: Final = logging.getLogger("channelshim.composition")

THREADS: Final = 4
"""Of the console, beside the app's own."""

PORTS_TRIED: Final = 32
"""Beginning with the default one, which several servers of a person would want."""


def listen(
    settings: Settings, login: Login, before: socket.socket | None, *, is_reload: bool
) -> socket.socket | None:
    """Return the socket that the console listens on, or None for no console.

    Args:
        settings: as read.
        login: of the app; asked where others than this machine get here.
        before: what the process image before listened on.
        is_reload: whether there was one.

    Raises:
        ConfigurationError: the port that was asked for is taken, or anybody would be
            an administrator.
    """
    if not settings.console or is_reload:
        return before
    listener = _bind(settings)
    if listener is not None and login.asks_no_proof and not is_on_loopback(listener):
        listener.close()
        raise ConfigurationError(
            f"the console shows and changes everything, and {settings.admin_host} is "
            "reached by others while the login asks for no password: leave "
            "--admin_host at localhost and reach it with ssh -L, or turn it off with "
            "--console=no"
        )
    return listener


def _bind(settings: Settings) -> socket.socket | None:
    host, port = settings.admin_host, settings.admin_port
    if "admin_port" in settings.origins:
        return bind(host, port, prefix="admin_")
    if settings.port == 0:
        # Whoever takes any port for the app wants no fixed one beside it.
        return bind(host, 0, prefix="admin_")
    for candidate in range(port, port + PORTS_TRIED):
        try:
            listener = bind(host, candidate, prefix="admin_")
        except ConfigurationError as error:
            if not _is_taken(error):
                raise
            continue
        if candidate != port:
            _logger.warning(
                "port %d of %s is taken: the console listens on port %d",
                port,
                host,
                candidate,
            )
        return listener
    _logger.warning(
        "there is no console: ports %d to %d of %s are taken; choose one with "
        "--admin_port",
        port,
        port + PORTS_TRIED - 1,
        host,
    )
    return None


def _is_taken(error: ConfigurationError) -> bool:
    return isinstance(error.__cause__, OSError) and not isinstance(
        error.__cause__, socket.gaierror
    )


def url_of(settings: Settings, listener: socket.socket) -> str:
    """Return the console's address, with a slash at the end."""
    host = settings.admin_host
    shown = f"[{host}]" if ":" in host else host
    # As the app's: one login is for both, and its cookie may be for https alone.
    scheme = "https" if settings.ssl_certificate_path else "http"
    return f"{scheme}://{shown}:{listener.getsockname()[1]}/"


def hosts_of(settings: Settings, listener: socket.socket) -> HostRule:
    """Return what a Host header may say to the console.

    On loopback its names alone: `allowed_hosts` are for the app, and may be any.
    """
    if is_on_loopback(listener):
        return HostRule()
    names = {settings.admin_host.lower(), *settings.allowed_hosts}
    return HostRule(frozenset(names), takes_addresses=True)
