"""The tutorial's app stands at the root byte for byte, whatever tools run over it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

HASHES = {
    "app.yaml": "e6486236a283ca78e13089d49dd5592844972cd069a8ce2c9e043819d13435db",
    "server.py": "bb2149e1f1dee94fb78bffb351d703369d91bbaf36c0339771132939986d9d3a",
    "index.html": "2089df0420dd21fec1a688744cfc776cce332e8ef044c3bf165665a565ed7163",
    "static/main.js": (
        "9d13c2f5c09e7fc38d9c5d05b8d03e2b89586ac4567972b145434c0fb8fb429f"
    ),
}
"""SHA-256 of each file, put together once from the tutorial's blocks."""


@pytest.mark.parametrize("name", sorted(HASHES))
def test_file_of_the_tutorial_is_untouched(name: str, root: Path) -> None:
    content = (root / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == HASHES[name]


def test_static_folder_holds_nothing_else(root: Path) -> None:
    assert [path.name for path in (root / "static").iterdir()] == ["main.js"]
