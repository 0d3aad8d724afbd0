"""Every module of 2.7 that has a shadow can be imported, with all its names."""

from __future__ import annotations

import importlib
import warnings

import pytest

from channelshim.python27.stdlib import table

FILES = sorted({ours for _, ours in table.SHADOWS.values() if ours})


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_the_names_that_it_lists(name: str) -> None:
    if name == "htmllib_27":
        pytest.importorskip("sgmllib", reason="needs sgmllib3k of PyPI")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = importlib.import_module(f"{table.__package__}.{name}")
    missing = [each for each in module.__all__ if not hasattr(module, each)]
    assert missing == []


@pytest.mark.parametrize(
    "name", sorted({real for real, _ in table.SHADOWS.values() if real})
)
def test_the_real_module_is_there(name: str) -> None:
    if name in table.DISTRIBUTIONS or name == "dbm.gnu":
        pytest.importorskip(name, reason="dropped by this Python, or not built")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        importlib.import_module(name)
