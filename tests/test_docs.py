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
from tests.lanes import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
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
