"""The pytest plugin: `pytest --channelshim`, or `channelshim = true` in its settings.

Installed, it does nothing until it is asked: other projects in the same environment
see no change.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pytest


_NOISE: Final = (DeprecationWarning, PendingDeprecationWarning, SyntaxWarning)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the setting."""
    sentence = "run a legacy App Engine suite, with google.appengine.api.channel"
    parser.addoption("--channelshim", action="store_true", help=sentence)
    parser.addini("channelshim", sentence, type="bool", default=False)
    parser.addoption(
        "--python27",
        action="store_true",
        dest="channelshim_python27",
        help="with --channelshim: read the files as Python 2.7 (else: by app.yaml)",
    )


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Install the shim before a conftest.py is imported, which may be Python 2.7."""
    _install(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Install the shim where a conftest.py has named this plugin."""
    _install(config)


def _install(config: pytest.Config) -> None:
    options = config.known_args_namespace
    if not (options.channelshim or config.getini("channelshim")):
        return
    import pytest

    from channelshim.cli.testing import install
    from channelshim.errors import ConfigurationError

    # Google's modules are as they are, and some are imported by ours.
    for module in (r".*google[./\\]appengine", r".*channelshim[./\\]compat"):
        for category in _NOISE:
            # For what is imported now, and for what tests import.
            warnings.filterwarnings("ignore", category=category, module=module)
            line = f"ignore::{category.__name__}:{module}"
            config.addinivalue_line("filterwarnings", line)
    try:
        install(python27=options.channelshim_python27 or None)
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from None
