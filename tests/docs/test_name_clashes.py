"""docs/how-to/name-clashes.md shows what the command prints."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.lanes import ROOT

PAGE = ROOT / "docs" / "how-to" / "name-clashes.md"

PROGRAM = "from channelshim.cli.entry import dev_appserver; dev_appserver()"


def _without_numbers(text: str) -> str:
    return re.sub(r"\d+(\.\d+)+\w*", "N", text).strip()


def test_version_says_whose_command_it_is() -> None:
    page = PAGE.read_text("utf-8")
    sample = re.search(r"<!-- sample: version -->\n```text\n(.*?)```", page, re.DOTALL)
    assert sample is not None
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--version"],
        capture_output=True,
        check=True,
        text=True,
    )
    assert _without_numbers(run.stdout) == _without_numbers(sample[1])
