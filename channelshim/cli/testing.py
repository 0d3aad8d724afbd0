"""`channelshim test`: a legacy test suite, unchanged, with the shim in place."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import unittest
from pathlib import Path
from types import ModuleType
from typing import Final

from channelshim import appengine
from channelshim.appserver.dialects import PYTHON3, Dialect, python27_of
from channelshim.appyaml.config import AppConfig
from channelshim.composition.plan import is_python27
from channelshim.composition.reading import find_file, read_app
from channelshim.composition.setting_values import read_settings
from channelshim.errors import ConfigurationError

_logger: Final = logging.getLogger("channelshim.cli")

RUNNERS: Final = ("pytest", "unittest", "python")

PYTHON27_FLAG: Final = "--python27"

_HELP: Final = """\
Usage: channelshim test [pytest|unittest|python SCRIPT] [--python27] ARGS

Runs a legacy test suite, unchanged, from the folder of the app. The first word chooses
the runner: pytest where it is installed, else unittest, or a script of the suite's own.
--python27 reads the files as Python 2.7 where no app.yaml says so. ARGS are the
runner's, whose own help follows.
"""

_NO_TESTS: Final = """\
channelshim test: no test was found. pytest looks for test_*.py and *_test.py: name the
files or folders of others. unittest takes a pattern: channelshim test unittest discover
-s FOLDER -p 'PATTERN'. A script runs with: channelshim test python SCRIPT
"""
_PYTEST_FOUND_NOTHING: Final = 5


def install(*, python27: bool | None = None) -> Dialect:
    """Make this process one in which a legacy suite runs.

    Google's names import, the testbed has its Channel stub, and unittest has its old
    assertions. No service is registered: a suite's testbed does that. The files of an
    app in Python 2.7 are translated while they are imported, its tests included.

    Args:
        python27: whether the files are Python 2.7; None leaves it to the setting
            `python27`, else to the nearest app.yaml, here or in a folder above.

    Returns:
        what the files are written in.

    Raises:
        ConfigurationError: a CHANNELSHIM_* variable is wrong.
    """
    settings = read_settings({"python27": python27}, os.environ)
    folder, config = _app_around(Path.cwd())
    dialect: Dialect = PYTHON3
    if config is not None:
        # Templates ask it, as in a request.
        os.environ.setdefault("GAE_RUNTIME", config.runtime)
    if is_python27(settings, config):
        dialect = python27_of(
            folder, python3_files=settings.python3_files, cache=settings.python27_cache
        )
    appengine.install()
    return dialect


def _app_around(folder: Path) -> tuple[Path, AppConfig | None]:
    """Return the app's folder and its app.yaml; this one where there is none."""
    for each in (folder, *folder.parents):
        try:
            if find_file(each, "app") is not None:
                return each, read_app(each)
        except ConfigurationError as error:
            _logger.warning("%s", error)
            break
    return folder, None


def main(args: list[str]) -> int:
    """Run a suite in the current folder and return the exit status.

    Args:
        args: for the runner. A first word `pytest`, `unittest` or `python`, for a
            script of the suite's own, chooses it; else it is pytest where that is
            installed.

    Raises:
        ConfigurationError: there is no such script, or a variable is wrong.
    """
    if "--help" in args[:2] or "-h" in args[:2]:
        print(_HELP, flush=True)
    runner, rest = _choose(args)
    folder = os.getcwd()
    if folder not in sys.path:
        # As `python -m` does: suites import the app from where they are started.
        sys.path.insert(0, folder)
    if runner == "pytest":
        return _run_pytest(rest)
    is_asked = PYTHON27_FLAG in rest
    dialect = install(python27=is_asked or None)
    rest = [word for word in rest if word != PYTHON27_FLAG]
    if runner == "python":
        return _run_script(rest, dialect)
    return _run_unittest(rest)


def _choose(args: list[str]) -> tuple[str, list[str]]:
    first = next((word for word in args if word != PYTHON27_FLAG), "")
    if first in RUNNERS:
        rest = list(args)
        rest.remove(first)
        return first, rest
    has_pytest = importlib.util.find_spec("pytest") is not None
    return ("pytest" if has_pytest else "unittest"), args


def _run_pytest(args: list[str]) -> int:
    import pytest

    from channelshim.cli import pytest_plugin

    # That the plugin has been imported already is this command's doing.
    quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    own = ["-p", pytest_plugin.__name__, "--channelshim"]
    status = int(pytest.main([*own, *quiet, *args]))
    if status == _PYTEST_FOUND_NOTHING:
        print(_NO_TESTS, end="", file=sys.stderr)
    return status


def _run_unittest(args: list[str]) -> int:
    program = unittest.main(
        module=None, argv=["channelshim test unittest", *args], exit=False
    )
    if not program.result.testsRun:
        print(_NO_TESTS, end="", file=sys.stderr)
    return 0 if program.result.wasSuccessful() else 1


def _run_script(args: list[str], dialect: Dialect) -> int:
    """Run a script as `python SCRIPT ARGS` would; it ends the process as it likes."""
    if not args or not Path(args[0]).is_file():
        script = args[0] if args else "(none)"
        raise ConfigurationError(
            f"there is no script {script}: channelshim test python SCRIPT [ARGS]"
        )
    path = Path(args[0]).absolute()
    code, names = dialect.compile(path.read_bytes(), str(path))
    module = ModuleType("__main__")
    module.__file__ = str(path)
    module.__dict__.update(names)
    sys.modules["__main__"] = module
    sys.argv = args
    sys.path.insert(0, str(path.parent))
    exec(code, module.__dict__)
    return 0
