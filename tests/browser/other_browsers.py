"""The channel's tests, to be run in another browser than Chromium."""

from __future__ import annotations

from collections.abc import Collection
from types import ModuleType
from typing import Any


def take_tests(suite: ModuleType, without: Collection[str] = ()) -> dict[str, Any]:
    """Return the tests and fixtures of a module by name, for another module.

    Args:
        suite: a module of tests.
        without: names of its tests that only Chromium can run; each must be there.
    """
    names = {name for name in vars(suite) if name.startswith("test_")}
    missing = set(without) - names
    assert not missing, f"there is no {', '.join(sorted(missing))}"
    fixtures = {"tab", "token"} & set(vars(suite))
    return {name: vars(suite)[name] for name in (names - set(without)) | fixtures}
