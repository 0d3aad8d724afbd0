"""What a file imports, as doctor tells it: by statement, or by words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from channelshim.appengine import surface

_IMPORT: Final = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+([\w, \t]+)"
    r"|import[ \t]+([\w., \t]+))",
    re.MULTILINE,
)
_FOLDERS: Final = ("django.utils", "google.appengine.api", "google.appengine.ext")
"""Packages whose names are modules that matter one by one."""
_NO_MODULES: Final = frozenset({"*", "wrap_wsgi_app"})
"""What else can be imported from them."""
_OPTIONAL: Final = frozenset(
    ("ImportError", "ModuleNotFoundError", "Exception", "BaseException")
)


def imports_of(tree: ast.AST) -> set[str]:
    """Return the modules that a file cannot do without, and App Engine's own.

    Args:
        tree: of the file.
    """
    found: set[str] = set()
    optional: set[str] = set()
    guarded = _optional_nodes(tree)
    for node in ast.walk(tree):
        names = optional if id(node) in guarded else found
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update(_from(node.module, [alias.name for alias in node.names]))
    # The file goes on without those that are not here.
    return found | {name for name in optional if surface.has_row(name)}


def imports_by_words(text: str) -> set[str]:
    """Return the same for a file that no parser here reads.

    Args:
        text: of the file.
    """
    found: set[str] = set()
    for match in _IMPORT.finditer(text):
        if match[1]:
            names = [name.split()[0] for name in match[2].split(",") if name.strip()]
            found.update(_from(match[1], names))
        else:
            parts = [name.split()[0] for name in match[3].split(",") if name.strip()]
            found.update(part.strip(".") for part in parts)
    return found


def _from(module: str, names: Iterable[str]) -> Iterator[str]:
    """Return what `from module import names` uses, service by service."""
    if module in _FOLDERS:
        return (f"{module}.{name}" for name in names if name not in _NO_MODULES)
    parts = (f"{module}.{name}" for name in names)
    return iter([module, *(part for part in parts if surface.has_row(part))])


def _optional_nodes(tree: ast.AST) -> set[int]:
    """Return the ids of import statements without which the file goes on.

    Args:
        tree: of the file.
    """
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and any(map(_catches, node.handlers)):
            for statement in (*node.body, *node.handlers):
                found.update(map(id, ast.walk(statement)))
    return found


def _catches(handler: ast.ExceptHandler) -> bool:
    kinds: Sequence[ast.expr | None]
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in _OPTIONAL)
        for kind in kinds
    )
