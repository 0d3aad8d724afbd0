"""The same requests to the original dev_appserver and to ours: the same answers.

What differs is classed by the named rules of `rules.py`, each with its number in
docs/explanation/differences.md; what no rule explains fails.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contract.sites import Original
from tests.lanes import ROOT
from tests.original import rules
from tests.original.cases import all_cases, write_public
from tests.original.exchanges import Answer, Case, exchange
from tests.original.rules import Difference, differences
from tests.servers import Servers

pytestmark = pytest.mark.original

APPS = Path(__file__).parent / "apps"
NAMES = ("files", "pages", "plain", "scripts")


@pytest.fixture(scope="module")
def ports(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, tuple[int, int]]]:
    """Start each app on both; the original's port and ours, by name."""
    folders = tmp_path_factory.mktemp("original")
    for name in NAMES:
        shutil.copytree(APPS / name, folders / name)
    write_public(folders / "files")
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        stack.callback(servers.stop)

        def start(name: str) -> tuple[int, int]:
            original = Original(folders / name, tmp_path_factory.mktemp("storage"))
            stack.callback(original.stop)
            ours = servers(folders / name, "--automatic_restart=no")
            return original.port, ours.port

        yield dict(zip(NAMES, pool.map(start, NAMES), strict=True))


@pytest.fixture(scope="module")
def answers(
    ports: dict[str, tuple[int, int]],
) -> list[tuple[Case, Answer, Answer]]:
    """Send every case to both servers."""

    def ask(case: Case) -> tuple[Case, Answer, Answer]:
        theirs, ours = ports[case.app]
        return case, exchange(case, theirs), exchange(case, ours)

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(ask, all_cases()))


@pytest.fixture(scope="module")
def found(answers: list[tuple[Case, Answer, Answer]]) -> list[Difference]:
    """Return everything in which the answers differ."""
    found = [
        each
        for case, theirs, ours in answers
        for each in differences(case, theirs, ours)
    ]
    report = os.environ.get("CHANNELSHIM_TESTS_DIFFERENCES")
    if report:
        lines = (f"{rules.name_of(each) or '?'}\t{each}\n" for each in found)
        Path(report).write_text("".join(lines), "utf-8")
    return found


def test_there_are_many_cases_and_none_twice() -> None:
    names = [case.name for case in all_cases()]
    assert len(names) >= 751
    assert len(names) == len(set(names))


def test_every_difference_has_its_reason(found: list[Difference]) -> None:
    unexplained = [str(each) for each in found if not rules.name_of(each)]
    assert not unexplained, "\n".join(unexplained)


def test_every_rule_explains_something(found: list[Difference]) -> None:
    used = {rules.name_of(each) for each in found}
    assert [rule.name for rule in rules.RULES if rule.name not in used] == []


def test_every_rule_is_documented() -> None:
    page = (ROOT / "docs" / "explanation" / "differences.md").read_text("utf-8")
    for rule in rules.RULES:
        assert f"## {rule.number}\n" in page, rule.name
