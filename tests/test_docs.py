"""What the docs promise to cover is covered, and their links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import channelshim
from channelshim.composition.settings import SETTINGS
from tests.lanes import LANES, ROOT
from tests.test_architecture import DATA_ROOMS, FLOORS

DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *(*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *ROOT.glob(".github/**/*.md")),
        *(*(ROOT / "examples").rglob("*.md"), *(ROOT / "bench").glob("*.md")),
    ]
)

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_PATH = re.compile(
    # The character before it tells ~/.local/share/channelshim/APP apart.
    r"(?<![\w/.~-])(?:channelshim|tests|scripts|bench|docs|static)/[\w./*-]*|(?<![\w/])\.ci/\w+"
)
_HEADING = re.compile(r"^#+\s+(.*?)\s*$", re.MULTILINE)


@pytest.fixture(scope="module")
def reference() -> Iterator[ModuleType]:
    """Load scripts/reference.py, which writes the pages."""
    path = ROOT / "scripts" / "reference.py"
    spec = importlib.util.spec_from_file_location("channelshim_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_written_pages_are_current(reference: ModuleType) -> None:
    stale = reference.stale_pages()
    assert not stale, f"run scripts/docs: {', '.join(stale)}"


def test_every_setting_is_documented() -> None:
    page = (DOCS / "reference" / "settings.md").read_text("utf-8")
    missing = [one.name for one in SETTINGS if f"`{one.name}`" not in page]
    assert missing == []


def test_every_error_is_documented_with_its_sentence(reference: ModuleType) -> None:
    page = (DOCS / "reference" / "errors.md").read_text("utf-8")
    for error in reference.error_classes():
        assert error.docstring, f"{error.module}.{error.name} has no docstring"
        assert f"## {error.name}\n" in page


def _text_without_code(path: Path) -> str:
    return _CODE.sub("", _FENCE.sub("", path.read_text("utf-8")))


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as the usual viewers make them."""
    text = _FENCE.sub("", path.read_text("utf-8"))
    words = (heading.lower().replace("`", "") for heading in _HEADING.findall(text))
    named = set(re.findall(r'<a (?:id|name)="([^"]+)"', text))
    return named | {re.sub(r"[^\w\- ]", "", word).replace(" ", "-") for word in words}


def _broken_links(path: Path) -> list[str]:
    broken = []
    for link in _LINK.findall(_text_without_code(path)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (
            anchor and target.suffix == ".md" and anchor not in anchors(target)
        ):
            broken.append(link)
    return broken


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_resolve(path: Path) -> None:
    assert _broken_links(path) == []


def test_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](#one) [b](gone.md) [c](#two) `[d](code.md)`\n")
    assert _broken_links(page) == ["gone.md", "#two"]


def _missing_paths(text: str) -> list[str]:
    """Return the paths of this repository that a text names and that are not there."""
    names = (name.rstrip(".-/") for name in _PATH.findall(text))
    return sorted({name for name in names if not any(ROOT.glob(name))})


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_named_paths_exist(path: Path) -> None:
    assert _missing_paths(path.read_text("utf-8")) == []


def test_missing_path_is_found() -> None:
    there = "`channelshim/errors.py` `tests/store/`, `tests/*.py`. See docs/."
    elsewhere = "~/.local/share/channelshim/APP and /opt/tests/x.py"
    gone = "channelshim/doors.py; scripts/fly, and .ci/gone."
    assert _missing_paths(f"{there} {elsewhere}") == []
    assert _missing_paths(gone) == [".ci/gone", "channelshim/doors.py", "scripts/fly"]


def _floors_of_the_design_page() -> list[set[str]]:
    """Return the rooms of each floor in the page's table."""
    page = (DOCS / "explanation" / "design.md").read_text("utf-8")
    floors: list[set[str]] = [set() for _ in FLOORS]
    for floor, rooms in re.findall(r"^\| (\d+) \| ([^|]+) \|", page, re.MULTILINE):
        floors[int(floor)].update(re.findall(r"`(\w+?)(?:\.py|/)`", rooms))
    return floors


def test_design_page_has_the_floors_that_imports_are_held_to() -> None:
    floors = [set().union(*rooms) for rooms in FLOORS]
    assert _floors_of_the_design_page() == floors


def test_contributing_names_every_room_and_lane() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    rooms = {room for rooms in FLOORS for each in rooms for room in each} | DATA_ROOMS
    assert sorted(room for room in rooms if f"`{room}" not in page) == []
    assert [lane for lane in LANES if f"`{lane}`" not in page] == []


def test_every_dependency_says_why_it_is_here() -> None:
    page = (DOCS / "explanation" / "dependencies.md").read_text("utf-8").lower()
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    block = project.partition("dependencies = [")[2].partition("[project.scripts]")[0]
    names = re.findall(r'^    "([A-Za-z][\w.\-]*)', block, re.MULTILINE)
    names += re.findall(r'= \["([A-Za-z][\w.\-]*)', block)
    assert len(names) > len(SETTINGS) / 2
    assert [name for name in names if f"**{name.lower()}**" not in page] == []


def test_changelog_opens_with_the_policy_and_knows_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert "Compatibility policy" in changelog.partition("\n## ")[0]
    versions = re.findall(r"^## \[([^\]]+)\]", changelog, re.MULTILINE)
    released = [version for version in versions if version != "Unreleased"]
    coming = re.findall(r"^This will be (\d+\.\d+\.\d+)", changelog, re.MULTILINE)
    assert (coming + released)[0] == channelshim.__version__


def test_changelog_has_the_sections_of_keep_a_changelog_once_each() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    for version in re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]:
        sections = re.findall(r"^### (.*)$", version, re.MULTILINE)
        form = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
        assert sections == [name for name in form if name in sections]


def test_readme_fits_one_screen() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 50
    assert "scripts/run" in "\n".join(lines)
    assert "scripts/test" in "\n".join(lines)
