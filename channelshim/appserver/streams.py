"""sys.stdin and sys.stdout that belong to one request, for CGI scripts.

The two are global, and several scripts run at once: a stand-in asks a ContextVar
whose they are. Outside of a script they are the process's own.
"""

from __future__ import annotations

import contextvars
import io
import sys
from typing import Any

_OWN_NAMES = frozenset({"_outside", "_inside"})


class _Stream:
    """Stands in for one of the two, for good.

    Args:
        outside: the process's own stream.
    """

    def __init__(self, outside: Any) -> None:
        self._outside = outside
        self._inside: contextvars.ContextVar[Any] = contextvars.ContextVar(
            "channelshim_stream", default=None
        )

    def replace(self, stream: Any) -> None:
        """Use stream for the rest of the current context."""
        self._inside.set(stream)

    def current(self) -> Any:
        """Return the stream that counts here."""
        inside = self._inside.get()
        return self._outside if inside is None else inside

    def __getattr__(self, name: str) -> Any:
        return getattr(self.current(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        # Python 2.7's print keeps a mark on the stream: one for each request.
        if name in _OWN_NAMES:
            object.__setattr__(self, name, value)
        else:
            setattr(self.current(), name, value)

    def __iter__(self) -> Any:
        return iter(self.current())


class ScriptOutput(io.TextIOWrapper):
    """Text and bytes in the order in which they are written."""

    def __init__(self) -> None:
        super().__init__(
            io.BytesIO(),
            encoding="utf-8",
            errors="surrogateescape",
            newline="",
            write_through=True,
        )

    def bytes(self) -> bytes:
        """Return what was written."""
        self.flush()
        value: bytes = self.buffer.getvalue()  # type: ignore[attr-defined]
        return value


def text_input(body: bytes) -> Any:
    """Return the sys.stdin of a script in Python 3."""
    return io.TextIOWrapper(
        io.BytesIO(body), encoding="utf-8", errors="surrogateescape"
    )


def give(stdin: Any) -> ScriptOutput:
    """Give the current context its own streams; return what collects the output.

    Args:
        stdin: a file that is sys.stdin.
    """
    if not isinstance(sys.stdout, _Stream):
        sys.stdout = _Stream(sys.stdout)
    if not isinstance(sys.stdin, _Stream):
        sys.stdin = _Stream(sys.stdin)
    output = ScriptOutput()
    sys.stdout.replace(output)
    sys.stdin.replace(stdin)
    return output
