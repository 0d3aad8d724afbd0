"""Writes docs/reference/contract.md: `python -m tests.contract.page`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.contract.cases import DEVIATIONS, GROUPS, MORE_TESTS, SENTENCES
from tests.lanes import ROOT

PAGE = ROOT / "docs" / "reference" / "contract.md"
API_CASES = "tests/contract/api_cases.py"

_NAME = re.compile(r"(?:test_)?case_(\d+(?:_(?:and|to)_\d+)*)(?:_|\Z)")


@dataclass(frozen=True)
class Proof:
    """One test of a case.

    Attributes:
        path: of its file, from the repository's root.
        name: of its function.
        runs_original: whether it runs against the original too.
    """

    path: str
    name: str
    runs_original: bool


def numbers_in(name: str) -> list[int]:
    """Return the case numbers in the name of a test: "and" adds, "to" counts up."""
    match = _NAME.match(name)
    if match is None:
        return []
    first, *rest = re.split(r"_(and|to)_", match[1])
    found = [int(first)]
    for word, number in zip(rest[::2], rest[1::2], strict=True):
        last = int(number)
        found += range(found[-1] + 1, last + 1) if word == "to" else [last]
    return found


def proofs() -> dict[int, list[Proof]]:
    """Return the tests of each case."""
    found: dict[int, list[Proof]] = {number: [] for number in SENTENCES}
    named = {place: number for number, place in MORE_TESTS.items()}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        for function in _functions(path):
            proof = Proof(place, function.name, _runs_original(place, function))
            for number in numbers_in(function.name):
                found[number].append(proof)
            if (place, function.name) in named:
                found[named[place, function.name]].append(proof)
    return found


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    place = path.relative_to(ROOT).as_posix()
    if place.startswith("tests/legacy_apps/") and place.count("/") > 2:
        # An app in Python 2.7.
        return
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _runs_original(
    place: str, function: ast.FunctionDef | ast.AsyncFunctionDef
) -> bool:
    if place == API_CASES:
        return True
    arguments = {one.arg for one in function.args.args}
    marks = "".join(ast.unparse(one) for one in function.decorator_list)
    return (
        place.startswith("tests/contract/")
        and bool(arguments & {"site", "original_site"})
    ) or "mark.original" in marks


def _row(number: int, tests: list[Proof]) -> str:
    links = ", ".join(
        f"[{one.name.removeprefix('test_')}](../../{one.path})" for one in tests
    )
    both = "yes" if any(one.runs_original for one in tests) else ""
    why = DEVIATIONS.get(number, "")
    if why:
        why = f"[{why}](../explanation/differences.md#{why.lower()})"
    return f"| {number} | {SENTENCES[number]} | {links} | {both} | {why} |"


def render() -> str:
    """Return the page."""
    found = proofs()
    both = [n for n, tests in found.items() if any(t.runs_original for t in tests)]
    differing = [n for n in both if n in DEVIATIONS]
    lines = [
        "# The contract, case by case",
        "",
        "This page lists the Channel API as apps saw it in 129 numbered cases: what",
        "each says, the tests that check it, whether the same test also ran against",
        "Google's last development server (SDK 1.9.88 on Python 2.7, the lane",
        "`original`), and where channelshim differs on purpose.",
        "",
        "| side | cases | of these |",
        "|---|---|---|",
        f"| channelshim | {sum(1 for tests in found.values() if tests)} | "
        f"{len(DEVIATIONS)} differ from the original on purpose |",
        f"| the original | {len(both)} | {len(both) - len(differing)} as here, "
        f"{len(differing)} deviations asserted on both sides |",
        "",
        "The rest needs a browser and our own script, or what the original never",
        "offered. Run the original's side with `scripts/original`, then",
        "`pytest -m original`.",
        "",
        "This page is written by `python -m tests.contract.page`.",
    ]
    titles = dict(GROUPS)
    for number in SENTENCES:
        if number in titles:
            lines += ["", f"## {titles[number]}", ""]
            lines += ["| case | says | tests | original | differs |"]
            lines += ["|---|---|---|---|---|"]
        lines.append(_row(number, found[number]))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
