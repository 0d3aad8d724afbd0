"""Starts a command with a listening socket, as systemd does: activation.py FD COMMAND.

FD is the descriptor of a socket that listens already; `-` makes one on a free port.
What of the written unit's sandbox a process can do to itself, this one does: no new
privileges, and no memory that is both written to and executed (Linux 6.3 and newer).
"""

import ctypes
import os
import socket
import sys

PR_SET_NO_NEW_PRIVS = 38
PR_SET_MDWE = 65


def main() -> None:
    number, *command = sys.argv[1:]
    if number == "-":
        listener = socket.create_server(("127.0.0.1", 0))
    else:
        listener = socket.socket(fileno=int(number))
    if listener.fileno() != 3:
        os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
    if sys.platform == "linux":
        control = ctypes.CDLL(None).prctl
        control(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        # An older kernel refuses, and that is all.
        control(PR_SET_MDWE, 1, 0, 0, 0)
    # The number of a process stays when it becomes another program.
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
