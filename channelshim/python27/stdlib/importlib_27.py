"""importlib: `import_module` by an app's own imports."""

from __future__ import annotations

from typing import Any

from channelshim.python27.stdlib import process

__all__ = ["import_module"]


def import_module(name: Any, package: Any = None) -> Any:
    """Import a module by its name, and return it."""
    if name.startswith("."):
        if not package:
            raise TypeError("relative imports require the 'package' argument")
        level = len(name) - len(name.lstrip("."))
        base = package
        for _ in range(level - 1):
            base, dot, _rest = base.rpartition(".")
            if not dot:
                raise ValueError("attempted relative import beyond top-level package")
        name = f"{base}.{name[level:]}"
    return process.importer.load(name)
