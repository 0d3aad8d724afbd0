"""The lanes and the fixtures that other rooms' tests stand on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import strategies as st

from tests import exploring, lanes
from tests.conftest import await_condition
from tests.servers import Servers


def test_unknown_lane_in_require_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANNELSHIM_REQUIRE", "browser,browsr")
    with pytest.raises(ValueError, match="browsr"):
        lanes.required_lanes()


def test_required_lanes_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANNELSHIM_REQUIRE", " browser, slow,")
    assert lanes.required_lanes() == {"browser", "slow"}


@pytest.mark.parametrize(
    ("ci", "own", "factor"),
    [("", "", 1.0), ("true", "", 6.0), ("true", "2.5", 2.5), ("", "2.5", 2.5)],
)
def test_deadlines_are_longer_in_ci_unless_one_says_how_long(
    ci: str, own: str, factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("CHANNELSHIM_TESTS_TIMEOUT_FACTOR", own)
    assert lanes.timeout_factor() == factor


def test_every_lane_is_a_registered_marker(pytestconfig: pytest.Config) -> None:
    markers = {line.partition(":")[0] for line in pytestconfig.getini("markers")}
    assert set(lanes.LANES) <= markers


@pytest.mark.served
@pytest.mark.parametrize(
    ("required", "outcome"), [("", "1 skipped"), ("browser", "1 error")]
)
def test_missing_lane_skips_and_a_required_one_fails(
    required: str, outcome: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHANNELSHIM_REQUIRE", required)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHANNELSHIM_TESTS_CHROMIUM", raising=False)
    # Its failure is none of this run's.
    monkeypatch.delenv("CHANNELSHIM_TESTS_FAILURES", raising=False)
    test = lanes.ROOT / "tests" / "test_lanes.py"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, f"{test}::test_browser_opens_a_page"],
        cwd=lanes.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome in run.stdout
    assert "no Chromium" in run.stdout or "playwright" in run.stdout


def test_waiting_ends_at_the_deadline_and_shows_the_answer() -> None:
    with pytest.raises(AssertionError, match="still 0 after"):
        await_condition(lambda: 0, seconds=0.01)


@pytest.mark.served
def test_server_that_cannot_start_shows_its_output(
    server: Servers, tmp_path: Any
) -> None:
    with pytest.raises(AssertionError, match=r"app\.yaml"):
        server(tmp_path)


@pytest.mark.served
def test_server_prints_where_it_listens(server: Servers) -> None:
    running = server(lanes.ROOT)
    assert running.port > 0
    assert running.stop() == 0, running.output


@pytest.mark.browser
def test_browser_opens_a_page(pages: Any) -> None:
    page = pages()
    page.set_content("<script>console.error('seen')</script><p>there</p>")
    assert page.text_content("p") == "there"
    await_condition(lambda: page.evaluate("1") and pages.errors(page))
    assert pages.errors(page) == ["seen"]


@exploring.explored(3, 5)
def test_explored_cases_come_from_the_seed(cases: exploring.Cases) -> None:
    tried: list[int] = []

    def claim(number: int) -> None:
        tried.append(number)

    cases.check(claim, st.integers())
    assert 0 < len(tried) <= cases.count
    print("tried", tried, cases.random().random())


@pytest.mark.served
def test_the_lane_explore_has_a_new_seed_each_time_and_can_be_repeated() -> None:
    def explore(**environment: str) -> tuple[str, str]:
        """Return the cases that were tried, and the seed that the run's end shows."""
        usual = {
            name: value
            for name, value in os.environ.items()
            if name not in ("CHANNELSHIM_TESTS_SEED", "CI")
        }
        test = f"{lanes.ROOT / 'tests' / 'test_lanes.py'}::{seeded}"
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rP", test],
            cwd=lanes.ROOT,
            env=usual | {"CHANNELSHIM_REQUIRE": "explore"} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        tried = re.search(r"^tried .*", run.stdout, re.MULTILINE)
        seed = re.search(r"^explore: CHANNELSHIM_TESTS_SEED=(\d+)", run.stdout, re.M)
        assert tried, run.stdout
        assert seed, run.stdout
        return tried[0], seed[1]

    seeded = "test_explored_cases_come_from_the_seed[explore]"
    tried, seed = explore()
    others, other_seed = explore()
    assert seed != other_seed
    assert tried != others
    assert explore(CHANNELSHIM_TESTS_SEED=seed) == (tried, seed)
