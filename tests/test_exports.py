"""What the package offers, and that importing it changes nothing."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import channelshim
from channelshim import errors
from tests.lanes import ROOT

PACKAGE = ROOT / "channelshim"

IMPORT = """
import os, sys, threading
before = dict(os.environ), list(sys.path), list(sys.meta_path), threading.active_count()
import channelshim
after = dict(os.environ), list(sys.path), list(sys.meta_path), threading.active_count()
assert before == after, "importing channelshim changed the process"
# Some distributions put an empty `google` there at the interpreter's start.
for heavy in ("google.appengine", "webapp2", "jinja2", "asyncio", "sqlite3", "uvloop"):
    assert heavy not in sys.modules, heavy
"""


def test_importing_changes_nothing() -> None:
    # Without coverage, which begins by importing modules of its own.
    environ = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    command = [sys.executable, "-c", IMPORT]
    subprocess.run(command, check=True, cwd=ROOT, env=environ)


def test_the_door_has_these_names_and_no_others() -> None:
    functions = {"application", "install", "serve", "wrap"}
    assert set(channelshim.__all__) == {"__version__", *functions}
    for name in channelshim.__all__:
        assert hasattr(channelshim, name)


def test_every_name_in_all_exists() -> None:
    for module in _modules_with_all():
        imported = importlib.import_module(module)
        missing = [name for name in imported.__all__ if not hasattr(imported, name)]
        assert missing == [], module


def _modules_with_all() -> Iterator[str]:
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(ROOT).with_suffix("")
        # Google's tree is imported under Google's names, by its own tests.
        if relative.parts[1] == "appengine" or relative.name == "__main__":
            continue
        # Modules of Python 2.7 may need a package: tests/python27/test_stdlib_names.py.
        if relative.name.endswith("_27"):
            continue
        if "\n__all__ = " in path.read_text("utf-8"):
            parts = [part for part in relative.parts if part != "__init__"]
            yield ".".join(parts)


def test_every_error_derives_from_the_root_and_says_a_sentence() -> None:
    classes = [one for one in vars(errors).values() if isinstance(one, type)]
    ours = [one for one in classes if one.__module__ == errors.__name__]
    assert all(issubclass(one, errors.ChannelShimError) for one in ours)
    assert str(errors.StoreInUse("place", 7)).count("7") == 1
    assert str(errors.ConfigurationError("is broken", path="a", line=2)) == (
        "a, line 2: is broken"
    )


def test_public_names_have_docstrings() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if "appengine" not in path.relative_to(PACKAGE).parts
        for name in _undocumented(path)
    ]
    assert missing == []


def _undocumented(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text("utf-8"))
    if not ast.get_docstring(tree):
        yield "the module"
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        if not node.name.startswith("_") and not ast.get_docstring(node):
            yield node.name
