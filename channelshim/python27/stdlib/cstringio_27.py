"""cStringIO: the file in memory again; text there is bytes as well as here."""

from __future__ import annotations

import contextlib
from typing import Any

from channelshim.python27.stdlib import stringio_27
from channelshim.python27.strings import STRINGS, NativeStr

__all__ = ["StringIO", "InputType", "OutputType"]


class OutputType(stringio_27.StringIO):
    """What `StringIO()` gives."""

    def write(self, s: Any) -> None:
        """Write a string, or a buffer."""
        if not isinstance(s, (*STRINGS, bytearray, memoryview)):
            kind = type(s).__name__
            raise TypeError(f"must be string or buffer, not {kind}")
        super().write(s)

    def reset(self) -> None:
        """Go to the beginning."""
        self.seek(0)

    def getvalue(self, use_pos: Any = None) -> Any:
        """Return everything, or what is before the place."""
        content = super().getvalue()
        return content[: self.pos] if use_pos else content

    def truncate(self, size: Any = None) -> None:
        """Cut at a size, and go there."""
        super().truncate(size)
        if size is not None:
            self.pos = min(size, self.len)


class InputType(OutputType):
    """What `StringIO(text)` gives: to be read only."""

    def __getattribute__(self, name: str) -> Any:
        if name in ("write", "writelines"):
            raise AttributeError(name)
        return super().__getattribute__(name)


def StringIO(s: Any = None) -> Any:
    """Return a file in memory."""
    if s is None:
        return OutputType()
    if not isinstance(s, STRINGS):
        with contextlib.suppress(TypeError):
            s = NativeStr(memoryview(s))
    if not isinstance(s, STRINGS):
        raise TypeError(f"expected read buffer, {type(s).__name__} found")
    return InputType(s)
