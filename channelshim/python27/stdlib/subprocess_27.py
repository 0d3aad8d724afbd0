"""subprocess: a command's output as strings, its pipes as files."""

from __future__ import annotations

import subprocess
from subprocess import list2cmdline
from typing import TYPE_CHECKING, Any

from channelshim.python27.helpers.files import over
from channelshim.python27.strings import native, to_bytes

__all__ = ["Popen", "call", "check_call", "check_output", "list2cmdline", "_has_poll"]

_has_poll = True


if TYPE_CHECKING:
    _Popen = subprocess.Popen[Any]
else:
    _Popen = subprocess.Popen


class Popen(_Popen):
    """A command that runs."""

    def __init__(self, args: Any, bufsize: int = 0, *rest: Any, **named: Any) -> None:
        named.pop("universal_newlines", None)
        if "close_fds" not in named and len(rest) < 6:
            named["close_fds"] = False
        super().__init__(args, bufsize if bufsize != 1 else -1, *rest, **named)
        for name, mode in (("stdin", "w"), ("stdout", "r"), ("stderr", "r")):
            pipe = getattr(self, name)
            if pipe is not None:
                setattr(self, name, over(pipe, "<fdopen>", mode))

    def communicate(self, input: Any = None) -> tuple[Any, Any]:  # type: ignore[override]
        """Write the input, and return output and errors."""
        wrapped = {}
        for name in ("stdin", "stdout", "stderr"):
            pipe = getattr(self, name)
            wrapped[name] = pipe
            if pipe is not None:
                setattr(self, name, pipe._raw)
        try:
            data = None if input is None else to_bytes(input)
            output, errors = super().communicate(data)
        finally:
            for name, pipe in wrapped.items():
                setattr(self, name, pipe)
        return (
            None if output is None else native(output),
            None if errors is None else native(errors),
        )


def call(*args: Any, **named: Any) -> int:
    """Run a command, and return its exit status."""
    return Popen(*args, **named).wait()


def check_call(*args: Any, **named: Any) -> int:
    """Run a command that must succeed."""
    code = call(*args, **named)
    if code:
        command = named.get("args", args[0] if args else None)
        raise subprocess.CalledProcessError(code, command)  # type: ignore[arg-type]
    return 0


def check_output(*args: Any, **named: Any) -> Any:
    """Run a command that must succeed, and return its output."""
    if "stdout" in named:
        raise ValueError("stdout argument not allowed, it will be overridden.")
    run = Popen(*args, stdout=subprocess.PIPE, **named)
    output, _ = run.communicate()
    if run.returncode:
        command = named.get("args", args[0] if args else None)
        raise subprocess.CalledProcessError(run.returncode, command, output)  # type: ignore[arg-type]
    return output
