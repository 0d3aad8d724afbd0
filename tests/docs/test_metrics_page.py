"""docs/reference/metrics.md lists every number that a server gives."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path
from typing import Any

from channelshim.cli.project import write_tutorial_app
from channelshim.console import metrics
from tests.lanes import ROOT

PAGE = (ROOT / "docs" / "reference" / "metrics.md").read_text("utf-8")

HEADINGS = re.findall(r"^## .*", PAGE, re.MULTILINE)

LISTED = frozenset(re.findall(r"`([a-z_]+)(?:\{[a-z,]+\})?`", PAGE))


def test_page_lists_every_number_that_has_a_meaning() -> None:
    names = {name.replace(".", "_") for name in metrics.HELP}
    missing = {name for name in names if not {name, f"{name}_total"} & LISTED}
    assert missing == set()


def test_page_lists_what_a_server_serves(
    server: Any, wait_until: Any, tmp_path: Path
) -> None:
    write_tutorial_app(tmp_path / "chat")
    started = server(tmp_path / "chat", "--admin_port=0")
    console = wait_until(
        lambda: re.search(r"console is at (http\S+)\n", started.output)
    )
    with urllib.request.urlopen(f"{console[1]}metrics") as answer:
        text = answer.read().decode()

    served = set(re.findall(r"^# TYPE (\w+) \w+$", text, re.MULTILINE))

    assert "channelshim_info" in served
    assert {name.removeprefix("channelshim_") for name in served} - LISTED == set()


def test_no_section_stands_twice() -> None:
    assert len(set(HEADINGS)) == len(HEADINGS) > 3
