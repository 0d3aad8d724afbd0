"""google-stubs/: one file for each module that we add to Google's."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from channelshim import appengine
from scripts import stubs
from tests.lanes import ROOT

pytestmark = pytest.mark.repository


def test_stubs_are_current() -> None:
    stale = stubs.stale_files()
    assert not stale, f"run scripts/docs: {', '.join(stale)}"


def test_every_module_of_ours_has_a_stub() -> None:
    files = stubs.stubs()
    for name in appengine.OURS:
        path = name.removeprefix("google.").replace(".", "/")
        assert {f"{path}.pyi", f"{path}/__init__.pyi"} & files.keys(), name
    assert files["py.typed"] == "partial\n"


def test_no_stub_hides_a_package_of_googles() -> None:
    """A folder without __init__.pyi leaves its other modules to Google's package."""
    ours = {name.removeprefix("google.").replace(".", "/") for name in appengine.OURS}
    packages = [Path(name).parent.as_posix() for name in stubs.stubs()]
    inits = {folder for folder in packages if f"{folder}/__init__.pyi" in stubs.stubs()}
    assert inits <= ours


@pytest.mark.parametrize("name", [name for name in stubs.stubs() if name != "py.typed"])
def test_stub_takes_the_names_of_a_module_that_is_there(name: str) -> None:
    (line,) = ast.parse(stubs.stubs()[name]).body
    assert isinstance(line, ast.ImportFrom)
    module = line.module or ""
    place = ROOT / module.replace(".", "/")
    is_ours = place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()
    assert is_ours or module.startswith("google.appengine.")


def test_file_that_is_nobodys_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in stubs.stubs().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(stubs, "STUBS", tmp_path)
    assert stubs.stale_files() == []
    (tmp_path / "appengine" / "old.pyi").write_text("")
    (tmp_path / "py.typed").unlink()
    assert stubs.stale_files() == ["appengine/old.pyi", "py.typed"]
