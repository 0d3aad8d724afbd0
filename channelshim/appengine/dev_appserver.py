"""The module `dev_appserver`, which old test suites import for its one function."""

from __future__ import annotations

__all__ = ["fix_sys_path"]


def fix_sys_path(extra_extensions: object = None) -> None:
    """Do nothing: Google's names are importable already."""
