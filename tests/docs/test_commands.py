"""docs/reference/commands.md: every example runs, and no command is without one.

Its blocks carry marks that a reader does not see:

    <!-- run -->               run it, in one folder, in the order of the page
    <!-- run, status: 1 -->    the same; it ends with this status
    <!-- run, stopped -->      the same, after the server has ended
    <!-- serve -->             start it, and let it run until the end
    <!-- prints -->            parts of lines that the block before prints, in order
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from channelshim.cli.main import _group
from tests.docs.test_command_lines import command_lines
from tests.lanes import ROOT, timeout_factor
from tests.programs import Program, running

PAGE = (ROOT / "docs" / "reference" / "commands.md").read_text("utf-8")

_BLOCK = re.compile(
    r"^<!-- (run|serve|run, stopped)(?:, status: (\d))? -->\n```sh\n(.*?)^```$"
    r"\n\n<!-- prints -->\n```text\n(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One example.

    Attributes:
        kind: "run", "serve" or "run, stopped".
        status: that it ends with.
        text: what is pasted.
        prints: parts of lines that it prints, in order.
    """

    kind: str
    status: int
    text: str
    prints: tuple[str, ...]


BLOCKS = [
    Block(kind, int(status or 0), text, tuple(prints.splitlines()))
    for kind, status, text, prints in _BLOCK.findall(PAGE)
]

COMMANDS = ("channelshim", "dev_appserver.py")


def _names(command: click.Command, name: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for below in command.list_commands(context):
            each = command.get_command(context, below)
            assert each is not None
            yield from _names(each, f"{name} {below}")
    else:
        yield name


def test_every_command_has_an_example_in_the_docs() -> None:
    pages = (ROOT / "docs").rglob("*.md")
    code = {
        " ".join(words[:size])
        for page in pages
        for words in command_lines(page.read_text("utf-8"))
        for size in (1, 2, 3)
    }
    names = [*_names(_group, "channelshim"), "dev_appserver.py"]
    assert [name for name in names if name not in code] == []


def test_every_mark_of_the_page_was_understood() -> None:
    assert len(re.findall(r"^<!-- ", PAGE, re.MULTILINE)) == 2 * len(BLOCKS)
    assert len(re.findall(r"^```sh$", PAGE, re.MULTILINE)) == len(BLOCKS)


def test_every_example_runs_as_the_page_says(tmp_path: Path) -> None:
    variables = _variables(tmp_path)
    (served,) = [number for number, each in enumerate(BLOCKS) if each.kind == "serve"]
    for block in BLOCKS[:served]:
        _run(block, tmp_path, variables)
    text = f"exec {BLOCKS[served].text.strip()} --port 0 --admin_port 0"
    command = ["bash", "-c", text]
    with running(command, tmp_path, variables) as server:
        server.wait_for_url()
        _check_server(server, BLOCKS[served])
        for block in BLOCKS[served + 1 :]:
            if block.kind == "run":
                _run(block, tmp_path, variables)
    for block in BLOCKS:
        if block.kind == "run, stopped":
            _run(block, tmp_path, variables)


def _variables(folder: Path) -> dict[str, str]:
    """Return the variables of a shell in which the commands are on the path."""
    programs = folder / "programs"
    programs.mkdir()
    for name in COMMANDS:
        function = name.removesuffix(".py")
        program = programs / name
        program.write_text(
            f"#!{sys.executable}\n"
            f"from channelshim.cli.entry import {function}\n{function}()\n"
        )
        program.chmod(0o755)
    return {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "XDG_DATA_HOME": str(folder / "data"),
    }


def _run(block: Block, folder: Path, variables: dict[str, str]) -> None:
    ended = subprocess.run(
        ["bash", "-ec", block.text],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120 * timeout_factor(),
        check=False,
    )
    assert ended.returncode == block.status, f"{block.text}\n{ended.stdout}"
    assert _missing(block, ended.stdout) == [], f"{block.text}\n{ended.stdout}"


def _missing(block: Block, output: str) -> list[str]:
    """Return what the page shows and the output has not, in its place."""
    lines = iter(output.splitlines())
    return [
        wanted for wanted in block.prints if not any(wanted in line for line in lines)
    ]


def _check_server(server: Program, block: Block) -> None:
    count = len(block.prints)
    pattern = re.compile(r"http://localhost:[1-9]\d*/")
    server.wait_until(
        lambda: len(set(pattern.findall(server.output))) == count, "showing addresses"
    )
