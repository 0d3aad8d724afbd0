"""What comments, docstrings and pages refer to is in this repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lanes import ROOT
from tests.test_docs import anchors

READ = ("channelshim", "tests", "docs", "bench", "scripts")

DEAD = re.compile(
    r"\bcontract \d|\bcontract (case|trap)\b|\bbase[- ]sdk\b|\btrap \d+"
    r"|\bdesign decision|\bspec/|\bfindings(/|\.md)"
    r"|\bshared/(spec|findings|cases|design|style)",
    re.IGNORECASE,
)
"""Names of documents that this project was built from, and that nobody else has."""

CITATION = re.compile(
    r"(?<![\w/.])(docs/[\w./-]+\.md|tests/(?:\w+/)*test_\w+\.py)(#[\w-]+)?"
)

SECTION = re.compile(r'"([^"]+)" in (docs/[\w./-]+\.md)')

CASE = re.compile(
    r"\bcases? (\d+)(?: (?:and|to) (\d+))? of docs/reference/contract\.md"
)

DIFFERENCE = re.compile(
    r"\bD(\d+) (?:and D(\d+) )?of docs/explanation/differences\.md|Differs: D(\d+)"
)


def sources() -> Iterator[Path]:
    """Yield every text of ours, but not this one."""
    for folder in READ:
        for path in sorted((ROOT / folder).rglob("*")):
            is_ours = not path.is_relative_to(ROOT / "bench/.cache")
            is_text = path.suffix in (".py", ".md", ".js", ".c")
            if is_ours and is_text and path != Path(__file__):
                yield path


def joined(text: str) -> str:
    """Return text with the lines of each comment joined, so that phrases are whole."""
    return re.sub(r"\s*\n\s*(?:#|//|\*)?\s*", " ", text)


def dead_citations(text: str) -> list[str]:
    """Return what text cites by names that lead nowhere."""
    return [match[0] for match in DEAD.finditer(joined(text))]


def unresolved(text: str) -> list[str]:
    """Return the files, anchors, sections, cases and differences that are not there."""
    found = []
    for name, anchor in CITATION.findall(text):
        path = ROOT / name
        if not path.exists() or (anchor and anchor[1:] not in anchors(path)):
            found.append(name + anchor)
    text = joined(text)
    for title, name in SECTION.findall(text):
        path = ROOT / name
        heading = title.lower().replace(" ", "-")
        if not path.exists() or heading not in anchors(path):
            found.append(f'"{title}" in {name}')
    cases = (ROOT / "docs/reference/contract.md").read_text("utf-8")
    for first, last in CASE.findall(text):
        found += [f"case {n}" for n in (first, last) if n and f"\n| {n} |" not in cases]
    differences = anchors(ROOT / "docs/explanation/differences.md")
    for numbers in DIFFERENCE.findall(text):
        found += [f"D{n}" for n in numbers if n and f"d{n}" not in differences]
    return found


def test_nothing_outside_the_repository_is_cited() -> None:
    dead = {
        str(path.relative_to(ROOT)): names
        for path in sources()
        if (names := dead_citations(path.read_text("utf-8", "replace")))
    }
    assert dead == {}


def test_citations_resolve() -> None:
    broken = {
        str(path.relative_to(ROOT)): names
        for path in sources()
        if path.suffix != ".md"
        and (names := unresolved(path.read_text("utf-8", "replace")))
    }
    assert broken == {}


@pytest.mark.parametrize(
    "text",
    [
        "Only GET (contract 3.1).",
        "See contract\n# trap 36.",
        "(base-sdk 1.2)",
        "(design\n    decision 8)",
        "measured in spec/wire.md",
        "findings/house.md says so",
    ],
)
def test_dead_citation_is_found(text: str) -> None:
    assert dead_citations(text)


@pytest.mark.parametrize(
    "text",
    [
        "see docs/explanation/nowhere.md",
        "see docs/explanation/store.md#nowhere",
        '"Nowhere" in docs/explanation/store.md',
        "case 130 of\n    docs/reference/contract.md",
        "Differs: D99.",
        "tests/hub/test_nothing.py",
    ],
)
def test_broken_citation_is_found(text: str) -> None:
    assert unresolved(text)


def test_right_citations_are_left_alone() -> None:
    text = (
        'cases 73 to 80 of docs/reference/contract.md; "The interface" in\n'
        "# docs/explanation/store.md#the-interface. Differs: D5. tests/test_docs.py"
    )
    assert unresolved(text) == []
    assert dead_citations("the contract: 3 cases; a trap; findings = [1]") == []
