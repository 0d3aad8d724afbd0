"""The pytest plugin: `pytest --channelshim`, or `channelshim = true` in its settings.

Installed, it does nothing until it is asked: other projects in the same environment
see no change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option and the setting."""
    sentence = "run a legacy App Engine suite, with google.appengine.api.channel"
    parser.addoption("--channelshim", action="store_true", help=sentence)
    parser.addini("channelshim", sentence, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Install the shim before any test module is imported."""
    if config.getoption("--channelshim") or config.getini("channelshim"):
        from channelshim.cli.testing import install

        install()
