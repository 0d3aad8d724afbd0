"""The entry point of an app process, which its front starts; see composition.processes.

Nothing but the standard library is imported before signals are looked after.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from channelshim.kernel.threads import Threads


def main(descriptor: int) -> None:
    """Run an app process.

    Args:
        descriptor: of the socket to its front.
    """
    # The front hears of a stop, and says so; a terminal and a service manager tell all
    # processes of a group at once.
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"):
        # Not SIG_IGN, which programs that the app starts would inherit.
        signal.signal(getattr(signal, name), _ignore)
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)

    from channelshim.cli import terminal
    from channelshim.composition.app_process import AppProcess, end_at_once
    from channelshim.composition.app_setup import AppSetup
    from channelshim.composition.ending import Ending
    from channelshim.kernel.threads import Threads
    from channelshim.runtime import collector
    from channelshim.server.pipe_app import AppPipe
    from channelshim.server.pipe_logs import PipeLogHandler

    collector.be_patient()

    threads = Threads()
    pipe = AppPipe(connection, threads, end_at_once)
    try:
        setup = AppSetup.of_json(pipe.read_setup())
    except EOFError:
        return
    process = f"app-{setup.number}"
    settings = setup.settings
    if settings.log_file:
        _follow_log_file(settings.log_file, threads)
    terminal.configure_logging(settings.log_level, f"{process} ", settings.log_format)
    logging.getLogger().addHandler(PipeLogHandler(pipe, process))
    Ending(AppProcess(setup, pipe, threads).run()).begin()


def _follow_log_file(path: str, threads: Threads) -> None:
    """Follow the name of the log file, which the front has opened."""
    from channelshim.errors import ConfigurationError
    from channelshim.kernel.log_file import LogFile

    # Otherwise lines go on to what the front has opened.
    with contextlib.suppress(ConfigurationError):
        LogFile(path).watch(threads)


def _ignore(_: int, __: object) -> None:
    """Do nothing."""
