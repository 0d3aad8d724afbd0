"""limits.py holds facts with their sources; tuning stands where it is used."""

from __future__ import annotations

import ast
import re

import pytest

from tests.lanes import ROOT

LIMITS = ROOT / "channelshim" / "limits.py"

SOURCE = re.compile(r"\bSource:|\bRFC \d+")
"""Who says so: Google's SDK or documentation, or an RFC."""

TUNING = re.compile(
    r"_(PATIENCE|GATHER|BURST|RETRY|PAUSE|SWITCH|SWEEP|BUSY|IDLE)_|_RUNNERS$|_AT_ONCE$"
    r"|_EVICTION_|_CACHED?_|^WORKER_|^READER_|^POLL_|^PING_|^WINDOW_|^SEND_BUFFER_"
    r"|^(BODY|HEAD|KEEP_ALIVE|STOP|INTERRUPT|CLOSE|RETURN)_SECONDS$|^LOGGED_|^DOCTOR_"
)
"""What names of knobs look like."""


def constants(text: str) -> dict[str, str]:
    """Return each constant of a module with the text that stands under it, or ""."""
    body = ast.parse(text).body
    found = {}
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            value = following.value if isinstance(following, ast.Expr) else None
            is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
            found[node.target.id] = value.value if is_text else ""  # type: ignore[union-attr]
    return found


def without_source(text: str) -> list[str]:
    """Return the constants that do not say where they come from."""
    return [name for name, says in constants(text).items() if not SOURCE.search(says)]


def test_every_limit_says_its_source() -> None:
    assert set(without_source(LIMITS.read_text("utf-8"))) == set()


def test_no_tuning_comes_back() -> None:
    names = constants(LIMITS.read_text("utf-8"))
    assert names
    assert not {name for name in names if TUNING.search(name)}


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("A: Final = 1\n", ["A"]),
        ('A: Final = 1\n"""Long enough."""\n', ["A"]),
        ('A: Final = 1\n"""Source: SDK, api/a.py."""\n', []),
        ('A: Final = 1\n"""Characters (RFC 2046 5.1.1)."""\nB: Final = 2\n', ["B"]),
    ],
)
def test_limit_without_a_source_is_found(text: str, bad: list[str]) -> None:
    assert without_source(text) == bad


@pytest.mark.parametrize(
    "name", ["PRESENCE_GATHER_SECONDS", "RESETS_AT_ONCE", "QUERY_CACHE_ROWS", "POLL_X"]
)
def test_tuning_is_known_by_its_name(name: str) -> None:
    assert TUNING.search(name)
