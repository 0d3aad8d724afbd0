"""argparse: the parser's version, and the titles that help had."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from channelshim.python27.helpers.files import file

__all__ = ["ArgumentParser", "FileType"]


class ArgumentParser(argparse.ArgumentParser):
    """Reads a command line."""

    def __init__(
        self,
        prog: Any = None,
        usage: Any = None,
        description: Any = None,
        epilog: Any = None,
        version: Any = None,
        parents: Any = (),
        **named: Any,
    ) -> None:
        super().__init__(prog, usage, description, epilog, parents, **named)
        self._optionals.title = "optional arguments"
        self.version = version
        if version:
            prefix = "-" if "-" in self.prefix_chars else self.prefix_chars[0]
            self.add_argument(
                prefix + "v",
                prefix * 2 + "version",
                action="version",
                default=argparse.SUPPRESS,
                version=version,
                help="show program's version number and exit",
            )

    def format_version(self) -> str:
        """Return what --version prints."""
        formatter = self._get_formatter()
        formatter.add_text(self.version)
        return formatter.format_help()

    def print_version(self, file: Any = None) -> None:
        """Print the version."""
        self._print_message(self.format_version(), file or sys.stderr)


class FileType(argparse.FileType):
    """Opens the files that a command line names."""

    def __init__(self, mode: Any = "r", bufsize: int = -1) -> None:
        super().__init__(mode, bufsize)

    def __call__(self, string: Any) -> Any:
        if string == "-":
            if "r" in self._mode:
                return sys.stdin
            if "w" in self._mode:
                return sys.stdout
            raise ValueError(f'argument "-" with mode {self._mode!r}')
        try:
            return file(string, self._mode, self._bufsize)
        except OSError as error:
            raise argparse.ArgumentTypeError(
                f"can't open '{string}': {error}"
            ) from error
