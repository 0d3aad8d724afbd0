"""docs/tutorial/python-minichat.md, followed to the letter.

The page carries marks that its reader does not see, HTML comments before code blocks:

    <!-- step: NAME, file: PATH -->                     append to the file
    <!-- step: NAME, file: PATH, before: START -->      put above the line START...
    <!-- step: NAME, file: PATH, instead of: START -->  put in place of it and the rest
    <!-- step: NAME, see: WHERE -->                     what one should see by then

This test does what the page says, one step after the other, in an empty folder.
"""

import html
import re
import sys
import urllib.parse
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from channelshim.cli.project import TUTORIAL_FILES
from tests.programs import Program, running
from tests.visitor import Visitor

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "tutorial" / "python-minichat.md"

_BLOCK = re.compile(
    r"^<!-- (?P<mark>step: [^\n]*) -->\n```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)

SERVE = (sys.executable, "-m", "channelshim", "serve", ".", "--port", "0")


@dataclass(frozen=True)
class Block:
    """One marked block of the page."""

    mark: dict[str, str]
    text: str

    @property
    def step(self) -> str:
        return self.mark["step"]

    @property
    def see(self) -> str:
        return self.mark.get("see", "")


def read_blocks(page: str) -> list[Block]:
    """Return the marked blocks in the page's order."""
    blocks = []
    for found in _BLOCK.finditer(page):
        pairs = (part.split(": ", 1) for part in found["mark"].split(", "))
        blocks.append(Block(dict(pairs), found["text"]))
    return blocks


BLOCKS = read_blocks(PAGE.read_text(encoding="utf-8"))
STEPS = list(dict.fromkeys(block.step for block in BLOCKS))


def follow(folder: Path, last_step: str) -> None:
    """Write into folder what the page has one write up to and with last_step."""
    for step in STEPS[: STEPS.index(last_step) + 1]:
        carry_out(folder, step)


def carry_out(folder: Path, step: str) -> None:
    """Write what the page has one write at one step."""
    for block in BLOCKS:
        if block.step == step and "file" in block.mark:
            write(folder / block.mark["file"], block)


def write(path: Path, block: Block) -> None:
    """Do what one marked block says; pieces of a file are one blank line apart."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    start = block.mark.get("before") or block.mark.get("instead of")
    if start is None:
        new = f"{old}\n{block.text}" if old else block.text
    else:
        lines = [line for line in old.splitlines() if line.startswith(start)]
        assert len(lines) == 1, f"{path.name} has {len(lines)} lines {start}..."
        above, below = old.split(f"\n{lines[0]}\n")
        rest = f"\n{lines[0]}\n{below}" if "before" in block.mark else ""
        new = f"{above}\n{block.text}{rest}"
    path.parent.mkdir(exist_ok=True)
    path.write_text(new, encoding="utf-8")


def seen(step: str, *places: str) -> list[Block]:
    """Return what the page says one sees after a step, of these kinds of place."""
    return [b for b in BLOCKS if b.step == step and b.see.split(" ")[0] in places]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the empty folder with which the page begins."""
    made = tmp_path / "minichat"
    made.mkdir()
    return made


def test_page_tells_the_steps_in_the_order_of_the_original() -> None:
    assert STEPS == [
        "project",
        "app.yaml",
        "imports",
        "templates",
        "MainHandler",
        "ActiveUser",
        "ChatHandler",
        "DisconnectHandler",
        "index.html",
        "Chat",
        "displayMessage",
        "saveMessage",
        "run",
    ]


def test_every_mark_of_the_page_was_understood() -> None:
    marks = re.findall(r"^<!-- .*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    known = {"step", "file", "before", "instead of", "see", "exit"}

    assert len(marks) == len(BLOCKS)
    assert {key for block in BLOCKS for key in block.mark} <= known


@pytest.mark.parametrize("name", TUTORIAL_FILES)
def test_last_step_equals_the_app_at_the_root(tmp_path: Path, name: str) -> None:
    follow(tmp_path, STEPS[-1])

    assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes()


def test_nothing_else_is_written(tmp_path: Path) -> None:
    follow(tmp_path, STEPS[-1])

    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(written) == sorted(tmp_path / name for name in TUTORIAL_FILES)


@pytest.mark.parametrize("step", STEPS)
def test_step_shows_what_the_page_says(tmp_path: Path, folder: Path, step: str) -> None:
    follow(folder, step)
    command = [*SERVE, "--storage_path", str(tmp_path / "storage")]

    with running(command, folder) as program:
        for block in seen(step, "terminal"):
            check_terminal(program, block)
        if any("exit" in block.mark for block in seen(step, "terminal")):
            return
        visitor = Visitor(program.wait_for_url())
        check_that_strangers_are_sent_to_the_login_page(visitor)
        visitor.log_in()
        for block in seen(step, "page"):
            answer = visitor.ask(block.see.split(" ")[1])
            assert block.text.strip() in html.unescape(answer.text)
        for block in seen(step, "post"):
            answer = visitor.ask(block.see.split(" ")[1], b"from=x")
            assert answer.status == int(block.text)


def test_server_that_is_left_running_takes_in_every_step(
    tmp_path: Path, folder: Path, wait_until: Any
) -> None:
    first = STEPS.index("MainHandler")
    follow(folder, "MainHandler")
    command = [*SERVE, "--storage_path", str(tmp_path / "storage")]

    with running(command, folder) as program:
        visitor = Visitor(program.wait_for_url())
        visitor.log_in()
        for step in STEPS[first:]:
            if step != "MainHandler":
                carry_out(folder, step)
            for block in seen(step, "page"):
                program.wait_until(partial(shows, visitor, block), f"at {step}")
        script = (folder / "static" / "main.js").read_text(encoding="utf-8")
        assert visitor.ask("/static/main.js").text == script


def shows(visitor: Visitor, block: Block) -> bool:
    """Return whether a page shows what it should; between two servers, none does."""
    try:
        answer = visitor.ask(block.see.split(" ")[1])
    except OSError:
        return False
    return block.text.strip() in html.unescape(answer.text)


def check_terminal(program: Program, block: Block) -> None:
    """Wait until the server has said each line; the page's port is another."""
    for line in block.text.splitlines():
        program.wait_until(partial(says, program, line), f"saying {line!r}")
    if "exit" in block.mark:
        assert program.wait_for_end() == int(block.mark["exit"])


def says(program: Program, line: str) -> bool:
    """Return whether the program has printed a line of the page."""
    line = line.replace("http://localhost:8080", program.url or "no address yet")
    return line in program.output


def check_that_strangers_are_sent_to_the_login_page(visitor: Visitor) -> None:
    answer = visitor.ask("/")

    assert answer.status == HTTPStatus.OK
    assert urllib.parse.urlsplit(answer.url).path == "/_ah/login"
    assert 'name="email"' in answer.text


@pytest.mark.browser
@pytest.mark.parametrize("step", [b.step for b in BLOCKS if b.see == "console"])
def test_console_complains_as_the_page_says(
    folder: Path, server: Any, pages: Any, wait_until: Any, step: str
) -> None:
    follow(folder, step)

    page = log_in(pages(), server(folder).url, "ann@example.com")

    (block,) = seen(step, "console")
    wait_until(lambda: any(block.text.strip() in e for e in pages.errors(page)))


@pytest.mark.browser
def test_what_one_types_appears_as_the_page_says(
    folder: Path, server: Any, pages: Any
) -> None:
    follow(folder, "run")
    (block,) = seen("run", "chat")
    email, text = block.text.strip().split(": ")

    page = log_in(pages(), server(folder).url, email)
    page.fill("#message", text)
    page.press("#message", "Enter")

    page.wait_for_selector("#messages div")
    assert page.inner_text("#messages") == block.text.strip()
    assert pages.errors(page) == []


@pytest.mark.browser
@pytest.mark.parametrize("is_mended", [False, True])
def test_inner_html_runs_what_people_type_and_the_cure_helps(
    folder: Path, server: Any, pages: Any, *, is_mended: bool
) -> None:
    follow(folder, "run")
    script = folder / "static" / "main.js"
    cure = re.search(r"`js\n> (  msg.*;)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert cure
    if is_mended:
        old = "  msg.innerHTML = message.data;"
        assert old in script.read_text()
        script.write_text(script.read_text().replace(old, cure[1]))

    page = log_in(pages(), server(folder).url, "ann@example.com")
    page.evaluate("() => { window.alert = what => document.title = 'ran ' + what; }")
    page.fill("#message", "<img src=x onerror=alert(1)>")
    page.press("#message", "Enter")
    page.wait_for_selector("#messages div")

    if is_mended:
        assert page.inner_text("#messages").endswith("<img src=x onerror=alert(1)>")
        assert page.title() == ""
    else:
        page.wait_for_function("document.title == 'ran 1'")


def log_in(page: Any, url: str, email: str) -> Any:
    """Open the app in a browser as somebody."""
    page.goto(url)
    page.fill("#email", email)
    page.click("#submit-login")
    page.wait_for_selector("#message-form")
    # Its script begins to listen to the form at the load event, not before.
    page.wait_for_load_state("load")
    return page
