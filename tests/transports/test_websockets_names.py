"""What is asked of the private names of websockets."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from channelshim.errors import ConfigurationError
from channelshim.transports import websockets_names
from tests.lanes import ROOT

PACKAGE = ROOT / "channelshim"


@pytest.mark.parametrize(("module", "name"), [*websockets_names.SEEN])
def test_a_version_without_a_name_is_refused_in_one_sentence(
    module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    *path, last = name.split(".")
    owner: Any = importlib.import_module(module)
    for part in path:
        owner = getattr(owner, part)
    monkeypatch.delattr(owner, last)

    with pytest.raises(ConfigurationError, match=f"lacks {name}.*pip install") as found:
        websockets_names.check_names()

    assert version("websockets") in str(found.value)


def test_this_version_fits() -> None:
    websockets_names.check_names()


def imports_of(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)


def test_every_name_of_websockets_is_looked_at() -> None:
    looked_at = {
        (module, name.partition(".")[0]) for module, name in websockets_names.SEEN
    }
    used = {
        (module, name)
        for path in PACKAGE.rglob("*.py")
        for module, name in imports_of(path)
        if module in ("websockets.frames", "websockets.streams")
    }
    assert used <= looked_at
