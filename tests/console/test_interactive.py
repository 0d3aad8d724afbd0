"""Python in the app's environment, where a flag has asked for it."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from channelshim.console import interactive
from channelshim.console.interactive import LONGEST_OUTPUT, MOST_PROGRAMS, Session
from tests.console.site import HOSTILE, Site, is_escaped
from tests.lanes import timeout_factor


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
    assert begun.wait(30 * timeout_factor())
    print("outside")
    may_end.set()
    thread.join(30 * timeout_factor())
    assert outputs == ["inside\n"]
    assert sys.stdout is before
    assert capsys.readouterr().out == "outside\n"


def run(site: Site, program: str, status: Any = None) -> dict[str, Any]:
    answer = site.post(
        "/interactive?format=json", "run", program=program, status=status
    )
    facts: dict[str, Any] = answer.json
    return facts


def look(site: Site) -> dict[str, Any]:
    facts: dict[str, Any] = site.client.get("/interactive?format=json").json
    return facts


@pytest.fixture
def gate(steered: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Return what programs wait for by `gate.wait()`, which nothing can end."""
    monkeypatch.setattr(interactive, "PAGE_SECONDS", 0.05)
    monkeypatch.setattr(interactive, "_END_SECONDS", 0.05)
    opened = threading.Event()
    steered.replace(
        code_names=lambda: {"gate": opened},
        limit=lambda seconds: contextlib.nullcontext(lambda: None),
    )
    yield opened
    opened.set()


def test_program_without_a_thread_keeps_no_place(steered: Site) -> None:
    def refuse(name: str, loop: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    steered.client.get("/")
    start_thread = steered.client.app._console._pages.registry["sources"].start_thread
    steered.replace(start_thread=refuse)
    for _ in range(MOST_PROGRAMS + 1):
        assert "no thread to give: try again" in run(steered, "1", 503)["error"]
        steered.post("/interactive", "forget")
    assert "no thread to give" in run(steered, "1", 503)["error"]
    steered.replace(start_thread=start_thread)
    assert run(steered, "1 + 1")["output"] == "2\n"


def test_program_that_goes_on_frees_its_page(
    steered: Site,
    gate: threading.Event,
    wait_until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run(steered, "print('begun')\ngate.wait()\nprint('over')")["is_running"]
    wait_until(lambda: look(steered)["output"] == "begun\n")
    assert "still runs" in run(steered, "1", 400)["error"]
    page = steered.client.get("/interactive").text
    assert 'http-equiv="refresh"' in page
    assert "begun" in page
    ended = steered.post("/interactive?format=json", "end").json["message"]
    assert "has not ended yet" in ended
    gate.set()
    wait_until(lambda: not look(steered)["is_running"])
    assert look(steered)["output"] == "begun\nover\n"
    monkeypatch.setattr(interactive, "PAGE_SECONDS", 60.0)
    assert run(steered, "6 * 7")["output"] == "42\n"
    assert look(steered)["output"] is None


def test_programs_that_cannot_be_ended_are_few(
    steered: Site, gate: threading.Event, wait_until: Callable[..., Any]
) -> None:
    before = sys.stdout
    for _ in range(MOST_PROGRAMS):
        assert run(steered, "gate.wait()")["is_running"]
        steered.post("/interactive", "forget")
    assert "restart the server" in run(steered, "1", 503)["error"]
    gate.set()
    wait_until(lambda: "output" in run(steered, "1", "*"))
    wait_until(lambda: sys.stdout is before)
