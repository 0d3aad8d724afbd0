"""What translated code calls where Python 3 means something else than 2.7.

Each module has one theme and a table from the name that the lowering writes, or that
Python 2.7 had as a builtin, to the function.
"""

from __future__ import annotations

from typing import Any

from channelshim.python27.helpers import (
    arithmetic,
    classes,
    containers,
    exceptions,
    files,
    order,
    printing,
    text,
)


def table() -> dict[str, Any]:
    """Return every helper and builtin that needs no importer."""
    names: dict[str, Any] = {}
    for module in (
        *(arithmetic, order, containers, exceptions),
        *(text, printing, files, classes),
    ):
        names.update(module.TABLE)
    return names
