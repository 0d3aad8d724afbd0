"""Python in the app's environment, where a flag has asked for it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from channelshim.console.interactive import LONGEST_OUTPUT, Session
from tests.console.site import HOSTILE, Site, is_escaped


@pytest.fixture
def steered(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, console_code=True)
    site.replace(code_names=dict)
    yield site
    site.close()


def test_without_the_flag_nothing_is_run(site: Site) -> None:
    assert "--console_code" in site.client.get("/interactive").text
    answer = site.post("/interactive", "run", program="1 + 1", status=403)
    assert "--console_code" in answer.text


def test_beyond_this_machine_nothing_is_run(tmp_path: Path) -> None:
    site = Site(tmp_path, None, "0.0.0.0", console_code=True)
    assert not site.client.app._facts().allows_code
    site.close()


def test_value_and_prints_are_shown(steered: Site) -> None:
    def run(program: str) -> str:
        answer = steered.post("/interactive?format=json", "run", program=program)
        output: str = answer.json["output"]
        return output

    assert run("x = 20\r\nprint('seen')\r\nx + 1") == "seen\n21\n"
    assert run("x * 2") == "40\n"
    assert run("import os; os.environ['APPLICATION_ID']") == "'dev~steered'\n"
    assert "ZeroDivisionError" in run("1 // 0")
    assert "interactive.py" not in run("1 // 0")
    assert "SyntaxError" in run("x =")
    assert "SystemExit" in run("raise SystemExit(3)")
    steered.post("/interactive", "forget")
    assert "NameError" in run("x")
    page = steered.post("/interactive", "run", program=f"print({HOSTILE!r})")
    assert is_escaped(page.text)


def test_output_is_bounded() -> None:
    output = Session({}).run("print('x' * 10_000_000); print('y')")
    assert len(output) <= LONGEST_OUTPUT


def test_prints_of_other_threads_go_where_they_went(
    capsys: pytest.CaptureFixture[str],
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    session = Session({"begun": begun, "may_end": may_end})
    outputs: list[str] = []
    program = "begun.set()\nmay_end.wait(30)\nprint('inside')"
    thread = threading.Thread(target=lambda: outputs.append(session.run(program)))
    before = sys.stdout
    thread.start()
    assert begun.wait(30)
    print("outside")
    may_end.set()
    thread.join(30)
    assert outputs == ["inside\n"]
    assert sys.stdout is before
    assert capsys.readouterr().out == "outside\n"
