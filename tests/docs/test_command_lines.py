"""Each command line of ours in the docs is one that the command takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from channelshim.cli.main import _dev_appserver, _group
from tests.lanes import ROOT

PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
        *ROOT.glob("*.md"),
    ]
)

_FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?<=\n\n)((?: {4}.*\n|\n(?= {4}))+)")
_SHELL = ("", "sh", "text")
_NEXT = frozenset({"|", "&&", ";"})
_FILES = frozenset({"<", ">", ">>"})


def _blocks(page: str) -> Iterator[str]:
    for language, text in _FENCED.findall(page):
        if language in _SHELL:
            yield text
    yield from _INDENTED.findall(_FENCED.sub("", page))


def command_lines(page: str) -> list[list[str]]:
    """Return the words of each command line in a page's code."""
    found = []
    for block in _blocks(page):
        pending = ""
        for line in block.splitlines():
            pending += line.strip()
            if pending.endswith("\\"):
                pending = pending[:-1]
                continue
            try:
                words = shlex.split(pending, comments=True)
            except ValueError:
                # A quotation that goes on, or an apostrophe of a text.
                pending += "\n"
                continue
            pending = ""
            found += _commands(words)
    return found


def _commands(words: list[str]) -> Iterator[list[str]]:
    """Yield the commands of a line, without what leads to and from files."""
    command: list[str] = []
    is_file = False
    for word in words:
        if word in _NEXT:
            yield command
            command = []
        elif not is_file and word not in _FILES:
            command.append(word)
        is_file = word in _FILES
    yield command


def _ours(path: Path) -> list[list[str]]:
    lines = command_lines(path.read_text("utf-8"))
    names = ("channelshim", "dev_appserver.py")
    return [
        words
        for words in lines
        if words[:1]
        and words[0] in names
        # What a command prints may begin with its name.
        and not (words[0] == "channelshim" and words[1:2] and words[1][0].isdigit())
    ]


def complaint(words: list[str]) -> str:
    """Return what the command says of a command line, "" when it takes it."""
    command: click.Command = _group if words[0] == "channelshim" else _dev_appserver
    rest = words[1:]
    while isinstance(command, click.Group) and rest:
        below = command.get_command(click.Context(command), rest[0])
        if below is None:
            return "" if rest[0].startswith("-") else f"no command {rest[0]}"
        command, rest = below, rest[1:]
    try:
        command.make_context(words[0], rest)
    except click.exceptions.Exit:
        # --help and --version.
        return ""
    except click.UsageError as error:
        # A file that a page names is not here.
        is_file = isinstance(error, click.BadParameter) and "No such file" in str(error)
        return "" if is_file else error.format_message()
    return ""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_line_is_taken(path: Path) -> None:
    complaints = {
        shlex.join(words): sentence
        for words in _ours(path)
        if (sentence := complaint(words))
    }
    assert complaints == {}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_script_that_is_named_is_there(path: Path) -> None:
    for words in command_lines(path.read_text("utf-8")):
        if words and re.fullmatch(r"scripts/\w+", words[0]):
            assert (ROOT / words[0]).is_file()


def test_mistakes_are_found() -> None:
    page = """x

    channelshim serve . --hots 0.0.0.0 # typing error
    channelshim sevre .

```sh
channelshim shell . -c "
print(1)" > /dev/null
echo no | channelshim serve .
```
"""
    good, echo, piped, *bad = command_lines(page)
    assert good == ["channelshim", "shell", ".", "-c", "\nprint(1)"]
    assert (echo, piped) == (["echo", "no"], ["channelshim", "serve", "."])
    assert bad == [
        ["channelshim", "serve", ".", "--hots", "0.0.0.0"],
        ["channelshim", "sevre", "."],
    ]
    assert complaint(good) == ""
    assert all(map(complaint, bad))
