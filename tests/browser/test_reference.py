"""The figures of docs/reference are those of channel.js."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SCRIPT = Path("channelshim", "browser", "channel.js")
BROWSER_API = Path("docs", "reference", "browser-api.md")


@pytest.mark.parametrize(
    ("figure", "sentence"),
    [
        ("GIVE_UP_MS = 5 * 60 * 1000;", "**five minutes** without an answer"),
        ("FIRST_RETRY_MS = 100;", "within 0.1 s after a drop"),
        ("LONGEST_RETRY_MS = 2000;", "at most 2 s apart"),
        ("HELLO_TIMEOUT_MS = 5000;", "does not come\n  within 5 s"),
        ("SHORT_LIVES = 3;", "three in a row"),
        ("SHORT_LIFE_MS = 30 * 1000;", "cut before they were 30 s old"),
        (
            "PROBE_PAUSES_MS = [500, 5000, 30000, 120000, 300000];",
            "after 0.5 s, 5 s, 30 s, 2 minutes and then every 5 minutes",
        ),
        ("HELD_POLLS = 3;", "three of the browser's six connections"),
        ("CROWDED_PAUSE_MS = 2000;", "further tabs ask every 2 s"),
        ("SILENCE_MS = 10 * 60 * 1000;", "nothing for ten\n  minutes"),
        ("SILENCE_WHEN_WOKEN_MS = 60 * 1000;", "or for one minute when the page"),
    ],
)
def test_the_page_says_the_figures_of_the_client(
    root: Path, figure: str, sentence: str
) -> None:
    assert f"var {figure}" in (root / SCRIPT).read_text()
    assert sentence in (root / BROWSER_API).read_text()


def test_every_member_of_the_client_is_documented(root: Path) -> None:
    script = (root / SCRIPT).read_text()
    page = (root / BROWSER_API).read_text()
    members = re.findall(r"(?:Socket|Channel)(?:\.prototype)?\.([\w]+) = ", script)
    assert set(members) >= {"open", "close", "send", "ReadyState", "BASE_URL"}
    assert [name for name in members if name not in page] == []
