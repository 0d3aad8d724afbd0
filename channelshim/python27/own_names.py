"""The names of an app's own modules, and which of them are installed ones' too."""

from __future__ import annotations

import sys
from typing import Final

from channelshim.python27.finding import AppFiles, Source, is_installed
from channelshim.python27.stdlib import table


class OwnNames:
    """The top-level names of an app's modules.

    Args:
        files: the app's.
    """

    def __init__(self, files: AppFiles) -> None:
        self._files: Final = files
        self._conflicts: dict[str, bool] = {}

    def forget(self) -> None:
        """Look again for every name; a search path has changed."""
        self._conflicts.clear()

    def open_to_all(self, name: str) -> None:
        """Let everybody import an app's top-level module whose name others have too."""
        self._conflicts[name] = False

    def is_in_conflict(self, name: str) -> bool:
        """Tell whether a top-level module of the app has an installed one's name."""
        known = self._conflicts.get(name)
        if known is None:
            known = is_installed(name, self._files)
            self._conflicts[name] = known
        return known

    def source(self, name: str) -> Source | None:
        """Return the app's own top-level module of a name, or None."""
        if name in table.ALWAYS_INSTALLED:
            return None
        source = self._files.find(name, sys.path)
        return None if source and self._is_replaced(source) else source

    def _is_replaced(self, source: Source) -> bool:
        """Tell whether a copy of a library gives way to the installed one."""
        if source.name not in table.REPLACED:
            return False
        file_name, is_anywhere = table.REPLACED[source.name]
        if not is_anywhere and not self._files.is_at_root(source.folder()):
            return False
        if file_name and not source.has_file(file_name):
            return False
        return source.name in table.MOVED or self.is_in_conflict(source.name)
