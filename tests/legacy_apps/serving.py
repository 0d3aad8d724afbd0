"""`channelshim serve` with the Python 2.7 mode put in by hand.

A program for the tests, run as `python serving.py APP_DIR --port=0 …`, until the
server installs the mode by itself for `runtime: python` and `python27`.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

from channelshim import cli, python27
from channelshim.appserver import application, cgi_scripts, scripts
from channelshim.python27.wsgi import bridge


class Scripts(scripts.Scripts):
    """Loads an app's scripts through the loader of Python 2.7."""

    def enter_folder(self) -> None:
        super().enter_folder()
        python27.install(self._root, cache_dir=os.environ.get("PYTHON27_CACHE"))

    def _import(self, script: str) -> Any:
        application = super()._import(script)
        return application if script.endswith(".py") else bridge(application)


class CgiScripts(cgi_scripts.CgiScripts):
    """Runs scripts with the builtins of Python 2.7."""

    def __init__(self, root: Any) -> None:
        self._names: dict[str, Any] = {}
        super().__init__(root, self._translate)

    def _translate(self, source: bytes, path: str) -> Any:
        code, self._names[path] = python27.compile_source(source, path)
        return code

    def _execute(self, script: str) -> None:
        path = str(self._root / script)

        def module(name: str) -> Any:
            made = ModuleType(name)
            made.__dict__["__builtins__"] = self._names[path]
            return made

        with mock.patch.object(cgi_scripts, "ModuleType", module):
            super()._execute(script)


def main() -> None:
    """Serve the app that the command line names."""
    # The folder of this file holds the apps; none is to be found by accident.
    del sys.path[0]
    importing = SimpleNamespace(import_module=python27.import_app)
    sys.argv.insert(1, "serve")
    with (
        mock.patch.object(scripts, "importlib", importing),
        mock.patch.object(scripts, "CgiScripts", CgiScripts),
        mock.patch.object(application, "Scripts", Scripts),
    ):
        cli.main()


if __name__ == "__main__":
    main()
