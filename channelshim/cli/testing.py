"""`channelshim test`: a legacy test suite, unchanged, with the shim in place."""

from __future__ import annotations

import importlib.util
import os
import sys
import unittest
from typing import Final

from channelshim import appengine

RUNNERS: Final = ("pytest", "unittest")


def install() -> None:
    """Make this process one in which a legacy suite runs. Idempotent.

    Google's names import, the testbed has its Channel stub, and unittest has its old
    assertions. No service is registered: a suite's testbed does that.
    """
    appengine.install()


def main(args: list[str]) -> int:
    """Run a suite in the current folder and return the exit status.

    Args:
        args: for the runner. A first word `pytest` or `unittest` chooses it; else it
            is pytest where that is installed.
    """
    runner, rest = _choose(args)
    folder = os.getcwd()
    if folder not in sys.path:
        # As `python -m` does: suites import the app from where they are started.
        sys.path.insert(0, folder)
    if runner == "pytest":
        return _run_pytest(rest)
    return _run_unittest(rest)


def _choose(args: list[str]) -> tuple[str, list[str]]:
    if args and args[0] in RUNNERS:
        return args[0], args[1:]
    has_pytest = importlib.util.find_spec("pytest") is not None
    return ("pytest" if has_pytest else "unittest"), args


def _run_pytest(args: list[str]) -> int:
    import pytest

    from channelshim.cli import pytest_plugin

    return int(pytest.main(["-p", pytest_plugin.__name__, "--channelshim", *args]))


def _run_unittest(args: list[str]) -> int:
    install()
    program = unittest.main(
        module=None, argv=["channelshim test unittest", *args], exit=False
    )
    return 0 if program.result.wasSuccessful() else 1
