"""commands: the output of a shell's command."""

from __future__ import annotations

import subprocess
from typing import Any

from channelshim.python27.strings import native, to_text

__all__ = ["getoutput", "getstatusoutput", "getstatus", "mkarg", "mk2arg"]


def getstatusoutput(cmd: Any) -> tuple[int, Any]:
    """Return a command's exit status, as `wait` gives it, and its output."""
    run = subprocess.run(
        to_text(cmd),
        shell=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    output = native(run.stdout)
    code = run.returncode
    status = -code if code < 0 else code << 8
    return status, output[:-1] if output[-1:] == "\n" else output


def getoutput(cmd: Any) -> Any:
    """Return a command's output."""
    return getstatusoutput(cmd)[1]


def getstatus(file: Any) -> Any:
    """Return what ls says of a file."""
    return getoutput("ls -ld" + mkarg(file))


def mkarg(x: Any) -> str:
    """Return an argument as the shell reads it."""
    if "'" not in x:
        return f" '{x}'"
    letters = "".join("\\" + letter if letter in '\\$"`' else letter for letter in x)
    return f' "{letters}"'


def mk2arg(head: Any, x: Any) -> str:
    """Return a path as the shell reads it."""
    import os

    return mkarg(os.path.join(head, x))
