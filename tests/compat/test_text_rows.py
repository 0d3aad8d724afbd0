"""What Python 2.7 gave an app as str is text: the table's programs, in three worlds.

`text_rows/` has the programs; `expected.json` beside them is what CPython 2.7 and
Google's original SDK made of them, written by `scripts/text_rows.py`.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from channelshim.cli.testing import install

install(python27=False)

from channelshim.compat import legacy_text  # noqa: E402
from channelshim.python27 import messages  # noqa: E402
from tests.lanes import ORIGINAL_SDK, ROOT, find_python27, timeout_factor  # noqa: E402

ROWS = Path(__file__).with_name("text_rows")
EXPECTED: dict[str, list[Any]] = json.loads((ROWS / "expected.json").read_text("utf-8"))
ONLY_27 = "messages_27: "


def run(world: str) -> dict[str, list[Any]]:
    """Run all programs and return what each one shows."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "text_rows"
        shutil.copytree(ROWS, copy)
        if world == "python3":
            (copy / "messages_27.rows").unlink()
        commands: dict[str, list[Any]] = {
            "original": [find_python27(), "battery.py", "seen.json", str(ORIGINAL_SDK)],
            "python27": [*OURS, "--python27", "python", "battery.py", "seen.json"],
            "python3": [*OURS, "python", "battery.py", "seen.json"],
        }
        cache = {"CHANNELSHIM_PYTHON27_CACHE": str(ROOT / ".cache" / "python27")}
        done = subprocess.run(
            [str(word) for word in commands[world]],
            cwd=copy,
            env={**os.environ, **cache, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120 * timeout_factor(),
            check=False,
        )
        assert done.returncode == 0, done.stdout.decode("utf-8", "replace")
        seen: dict[str, list[Any]] = json.loads((copy / "seen.json").read_text("utf-8"))
        return seen


OURS = [sys.executable, "-m", "channelshim", "test"]

results = functools.cache(run)


@pytest.mark.parametrize("name", EXPECTED)
def test_python27_sees_text(name: str) -> None:
    assert results("python27")[name] == EXPECTED[name]


@pytest.mark.parametrize(
    "name", [name for name in EXPECTED if not name.startswith(ONLY_27)]
)
def test_python3_sees_text(name: str) -> None:
    lines = [line for line in EXPECTED[name] if not isinstance(line, dict)]
    assert results("python3")[name] == lines


@pytest.mark.original
def test_the_original_shows_what_is_recorded() -> None:
    assert results("original") == EXPECTED


PLACES = sorted(
    (module, path)
    for table in (
        legacy_text.GIVES,
        legacy_text.TAKES,
        legacy_text.TAKES_MESSAGES,
        messages.GIVES,
    )
    for module, paths in table.items()
    for path in paths
)


@pytest.mark.parametrize(("module", "path"), PLACES)
def test_what_the_table_changes_is_there(module: str, path: str) -> None:
    assert legacy_text.member_at(importlib.import_module(module), path)
