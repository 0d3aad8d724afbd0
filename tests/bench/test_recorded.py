"""The pages show what was recorded, and the rewrites are what was counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import chats, report
from bench.places import RECORDED
from bench.session import load_medians

MEDIANS = load_medians(RECORDED)
CHATS = json.loads(chats.RECORDED.read_text("utf-8"))


def test_notes_and_page_show_the_recorded_session() -> None:
    assert report.text(MEDIANS) in report.NOTES.read_text("utf-8")
    assert report.summary(MEDIANS) in report.PAGE.read_text("utf-8")


@pytest.mark.parametrize("name", sorted(report.plots(MEDIANS)))
def test_plot_is_drawn_from_the_recorded_session(name: str) -> None:
    assert (report.PICTURES / name).read_text("utf-8") == report.plots(MEDIANS)[name]


def test_page_shows_the_recorded_chats() -> None:
    assert chats.page_text(CHATS) in chats.PAGE.read_text("utf-8")
    for name, svg in chats.plots(next(iter(CHATS.values()))).items():
        assert (chats.PAGE.parent / "img" / name).read_text("utf-8") == svg


def test_changed_lines_are_those_of_the_rewrites() -> None:
    for session in CHATS.values():
        for name, counts in session["lines"].items():
            assert chats.lines_changed(chats.REWRITES / name) == counts


def test_changed_lines_leave_out_blank_ones(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "static").mkdir()
    for name in ("server.py", "templates/index.html", "static/main.js"):
        (tmp_path / name).write_text("\n")
    (tmp_path / "requirements.txt").write_text("one\n\ntwo\n")
    assert chats.lines_changed(tmp_path)["added"] == 2


def test_marks_are_needed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a BEGIN b END c")
    report.write_between(page, "BEGIN", "END", "new")
    assert page.read_text() == "a BEGIN\n\nnew\nEND c"
    with pytest.raises(RuntimeError, match="lacks"):
        report.write_between(page, "BEGIN", "OTHER", "new")
