"""docs/how-to/name-clashes.md shows what the command prints."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.lanes import ROOT

PAGE = ROOT / "docs" / "how-to" / "name-clashes.md"

OTHERS = sorted({*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"} - {PAGE})

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


def test_samples_use_the_name_that_no_other_program_has() -> None:
    """Who copies a command may have Google's first on the PATH."""
    samples = {
        str(path.relative_to(ROOT)): re.findall(
            r"^(?:    )?dev_appserver\.py .*", path.read_text("utf-8"), re.MULTILINE
        )
        for path in OTHERS
    }
    # That page shows that both are the same.
    assert samples.pop("docs/how-to/install.md") == ["    dev_appserver.py APP_DIR"]
    assert {name: lines for name, lines in samples.items() if lines} == {}
