"""formatter: what htmllib writes a page through."""

from __future__ import annotations

import sys
from typing import Any

__all__ = [
    *("AS_IS", "NullFormatter", "AbstractFormatter", "NullWriter", "AbstractWriter"),
    "DumbWriter",
]

AS_IS = None


class NullWriter:
    """A writer that writes nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("send_", "new_")) or name == "flush":
            return lambda *args: None
        raise AttributeError(name)


class AbstractWriter(NullWriter):
    """A writer that says what it is asked."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("send_", "new_")):
            return lambda *args: sys.stdout.write(f"{name}{args!r}\n")
        return super().__getattr__(name)


class DumbWriter(NullWriter):
    """A writer of plain text."""

    def __init__(self, file: Any = None, maxcol: int = 72) -> None:
        self.file: Any = file or sys.stdout
        self.maxcol = maxcol
        self.col: int = 0
        self.atbreak: int = 0
        self.reset()

    def reset(self) -> None:
        """Begin a line."""
        self.col = 0
        self.atbreak = 0

    def send_paragraph(self, blankline: int) -> None:
        """Leave lines empty."""
        self.file.write("\n" * blankline)
        self.reset()

    def send_line_break(self) -> None:
        """End the line."""
        self.file.write("\n")
        self.reset()

    def send_hor_rule(self, *args: Any) -> None:
        """Draw a line."""
        self.file.write("\n" + "-" * self.maxcol + "\n")
        self.reset()

    def send_literal_data(self, data: Any) -> None:
        """Write text as it is."""
        self.file.write(data)
        self.col = len(data) - data.rfind("\n") - 1
        self.atbreak = 0

    def send_flowing_data(self, data: Any) -> None:
        """Write words, with line ends where they are needed."""
        if not data:
            return
        atbreak = bool(self.atbreak or data[0].isspace())
        for word in data.split():
            if atbreak:
                if self.col + len(word) >= self.maxcol:
                    self.file.write("\n")
                    self.col = 0
                else:
                    self.file.write(" ")
                    self.col += 1
            self.file.write(word)
            self.col += len(word)
            atbreak = True
        self.atbreak = int(data[-1].isspace())


class NullFormatter:
    """A formatter that formats nothing."""

    def __init__(self, writer: Any = None) -> None:
        self.writer: Any = writer or NullWriter()

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("add_", "push_", "pop_", "set_", "assert_", "end_")):
            return lambda *args, **named: None
        if name == "flush_softspace":
            return lambda: None
        raise AttributeError(name)


class AbstractFormatter(NullFormatter):
    """A formatter of paragraphs, words and rules."""

    def __init__(self, writer: Any) -> None:
        super().__init__(writer)
        self._has_space = True
        self._is_broken = True

    def add_line_break(self) -> None:
        """End the line."""
        if not self._is_broken:
            self.writer.send_line_break()
        self._has_space = self._is_broken = True

    def end_paragraph(self, blankline: int) -> None:
        """End the paragraph."""
        self.add_line_break()
        if blankline:
            self.writer.send_paragraph(blankline)

    def add_hor_rule(self, *args: Any) -> None:
        """Draw a line."""
        self.add_line_break()
        self.writer.send_hor_rule(*args)

    def add_flowing_data(self, data: Any) -> None:
        """Write words."""
        if not data:
            return
        before, after = data[:1].isspace(), data[-1:].isspace()
        data = " ".join(data.split())
        if not data:
            self._has_space = True
            return
        if before and not self._is_broken:
            data = " " + data
        self._is_broken = False
        self.writer.send_flowing_data(data + (" " if after else ""))

    def add_literal_data(self, data: Any) -> None:
        """Write text as it is."""
        if data:
            self._is_broken = data[-1:] == "\n"
            self.writer.send_literal_data(data)
