"""What is asked of uvicorn's private names, and of websockets'."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from channelshim.errors import ConfigurationError
from channelshim.server import uvicorn_names
from channelshim.server.http_protocol import for_server
from channelshim.transports.connection_table import ConnectionTable
from tests.lanes import ROOT

PACKAGE = ROOT / "channelshim"


def make_protocol() -> Any:
    nobody: Any = None
    return for_server(nobody, nobody, ConnectionTable())


@pytest.mark.parametrize(("module", "name"), [*uvicorn_names.SEEN])
def test_a_version_without_a_name_is_refused_in_one_sentence(
    module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    *path, last = name.split(".")
    owner: Any = importlib.import_module(module)
    for part in path:
        owner = getattr(owner, part)
    monkeypatch.delattr(owner, last)

    with pytest.raises(ConfigurationError, match=f"lack {name}.*pip install") as caught:
        make_protocol()

    assert uvicorn.__version__ in str(caught.value)


def test_attribute_that_no_constructor_sets_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = {**uvicorn_names.ATTRIBUTES, "RequestResponseCycle": ("is_not_there",)}
    monkeypatch.setattr(uvicorn_names, "ATTRIBUTES", wanted)

    with pytest.raises(ConfigurationError, match=r"Cycle\.is_not_there"):
        make_protocol()


def test_these_versions_fit() -> None:
    assert issubclass(make_protocol(), HttpToolsProtocol)


# --- All of them stand in one file ----------------------------------------------------


def imports_of(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)


def test_no_other_file_reaches_into_uvicorn() -> None:
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for module, _ in imports_of(path)
        if module.startswith("uvicorn.")
    }
    assert found == {"server/uvicorn_names.py"}


def test_every_name_of_websockets_is_looked_at() -> None:
    looked_at = {
        (module, name.partition(".")[0]) for module, name in uvicorn_names.SEEN
    }
    used = {
        (module, name)
        for path in PACKAGE.rglob("*.py")
        for module, name in imports_of(path)
        if module in ("websockets.frames", "websockets.streams")
    }
    assert used <= looked_at


def test_every_replaced_method_is_looked_at() -> None:
    """What HttpProtocol overrides is asked for, or asyncio's own."""
    overridden = {
        name
        for name, value in vars(uvicorn_names.HttpToolsProtocol).items()
        if callable(value) and name in vars(make_protocol().__mro__[1])
    }
    names = {name.rpartition(".")[2] for _, name in uvicorn_names.SEEN}
    protocol = {"__init__", "connection_made", "connection_lost", "data_received"}
    protocol |= {"pause_writing", "resume_writing"}
    assert overridden - protocol <= names
