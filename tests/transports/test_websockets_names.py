"""What is asked of the private names of websockets."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from channelshim.errors import ConfigurationError
from channelshim.transports import websockets_names
from tests.lanes import ROOT, timeout_factor

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


@pytest.mark.parametrize(
    ("entry", "is_seen"),
    [
        *(("websockets-13.0.dist-info", True), ("websockets-17.4.dist-info", True)),
        *(("websockets-16.1.1-py3.11.egg-info", True), ("websockets-17.4b1.x", False)),
        *(("websockets-17.5.dist-info", False), ("websockets-18.0.egg-info", False)),
        *(("websockets-12.0.dist-info", False), ("other-14.0.dist-info", False)),
    ],
)
def test_version_that_was_looked_at_is_not_loaded_at_the_start(
    entry: str, is_seen: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    monkeypatch.setattr(websockets_names, "check_names", lambda: loaded.append(entry))
    (tmp_path / "websockets").mkdir()
    (tmp_path / "websockets" / "__init__.py").touch()
    (tmp_path / entry).mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "websockets", raising=False)
    websockets_names.check_at_start()
    assert loaded == ([] if is_seen else [entry])


def test_newest_that_was_looked_at_is_what_the_names_say() -> None:
    newest = ".".join(map(str, websockets_names.NEWEST_SEEN))
    assert {*websockets_names.SEEN.values()} == {newest}


def test_server_does_not_start_with_a_version_that_lacks_a_name(tmp_path: Path) -> None:
    package, metadata = tmp_path / "websockets", tmp_path / "websockets-17.9.dist-info"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "frames.py").write_text("class Frame: pass\n")
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: websockets\nVersion: 17.9\n"
    )
    ports = ("--port=0", "--admin_port=0", f"--storage_path={tmp_path / 'store'}")
    done = subprocess.run(
        [sys.executable, "-m", "channelshim", "serve", str(ROOT), *ports],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=60 * timeout_factor(),
        check=False,
    )
    assert done.returncode == 1
    assert "websockets 17.9 does not work with this channelshim" in done.stderr
    assert "Traceback" not in done.stderr


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
