"""The pages of the site: all in its index, each opening with what it is for."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.lanes import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))

_TOCTREE = re.compile(r"^```\{toctree\}\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)")


@pytest.fixture(scope="module")
def conf() -> ModuleType:
    """Load docs/conf.py; it needs no Sphinx."""
    path = list(sys.path)
    spec = importlib.util.spec_from_file_location("channelshim_site", DOCS / "conf.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


def _entries(index: Path) -> list[Path]:
    """Return the pages of an index's toctree."""
    (tree,) = _TOCTREE.findall(index.read_text("utf-8"))
    lines = [line for line in tree.splitlines() if line and not line.startswith(":")]
    return [index.parent / f"{line}.md" for line in lines]


def _reached(index: Path) -> set[Path]:
    found = {index}
    for page in _entries(index):
        found |= _reached(page) if page.name == "index.md" else {page}
    return found


def test_every_page_is_in_the_index() -> None:
    assert _reached(DOCS / "index.md") == set(PAGES)


@pytest.mark.parametrize(
    "index",
    sorted(page for page in PAGES if page.name == "index.md" and page.parent != DOCS),
    ids=lambda page: page.parent.name,
)
def test_every_page_of_a_part_is_in_its_list(index: Path) -> None:
    links = {index.parent / name for name in _LINK.findall(index.read_text("utf-8"))}
    assert set(_entries(index)) <= links


def _opening(text: str) -> str:
    """Return the first paragraph after the title, in one line."""
    body = text.partition("\n")[2].strip()
    return " ".join(body.partition("\n\n")[0].split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_page_opens_with_a_sentence(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.startswith("# ")
    opening = _opening(text)
    # What it is for comes first.
    assert re.match(r"(This (page|guide|tutorial)|These pages) ", opening), opening
    assert re.search(r"[.:]( |$)", opening), opening


def test_link_to_another_page_is_kept(conf: ModuleType) -> None:
    text = "[a](../how-to/grow.md#more) [b](#here) [c](https://example.com/)"
    assert conf.site_text("reference/errors", text) == text


def test_root_page_becomes_a_page_of_the_site(conf: ModuleType) -> None:
    text = conf.site_text("how-to/grow", "see [lanes](../../CONTRIBUTING.md#lanes)")
    assert text == "see [lanes](../project/contributing.md#lanes)"
    page = conf.site_text("project/contributing", "a stub")
    assert "](../explanation/design.md)" in page
    assert "](security.md)" in page


def test_file_of_the_repository_is_plain_text_or_an_address(
    conf: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "in [the `tests`](../../tests/test_docs.py#L3) and [all](../../tests)"
    assert conf.site_text("reference/contract", text) == "in the `tests` and all"
    monkeypatch.setattr(conf, "SOURCE_URL", "https://example.com/blob/main")
    assert conf.site_text("reference/contract", text) == (
        "in [the `tests`](https://example.com/blob/main/tests/test_docs.py#L3) and "
        "[all](https://example.com/blob/main/tests)"
    )


def test_link_that_leads_nowhere_is_left_for_sphinx_to_refuse(conf: ModuleType) -> None:
    text = "[gone](../how-to/gone.md)"
    assert conf.site_text("reference/errors", text) == text


def test_no_link_leaves_the_site_by_a_path(conf: ModuleType) -> None:
    for page in PAGES:
        docname = page.relative_to(DOCS).with_suffix("").as_posix()
        text = conf.site_text(docname, page.read_text("utf-8"))
        for name in re.findall(r"\]\((\.\./[^)#\s]+)", text):
            assert (page.parent / name).resolve().is_relative_to(DOCS), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_commands_can_be_pasted(page: Path) -> None:
    lines = page.read_text("utf-8").splitlines()
    assert [line for line in lines if line.lstrip().startswith(("$ ", "# $ "))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_page_has_no_mark_of_a_merge(page: Path) -> None:
    marks = re.findall(r"^(?:<{7}|>{7}) .*", page.read_text("utf-8"), re.MULTILINE)
    assert marks == []
