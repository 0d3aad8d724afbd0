"""What comes from outside stays within its line of the log."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from channelshim.runtime.log_text import block, one_line

BREAKS = (
    "\n",
    "\r",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x1d",
    "\x1e",
    "\x85",
    "\u2028",
    "\u2029",
)


def test_controls_are_written_as_in_a_literal() -> None:
    assert one_line("a\r\nb\x1b[31m\x07\tc\x9b\u2028") == (
        r"a\r\nb\x1b[31m\x07\tc\x9b\u2028"
    )
    assert one_line(7) == "7"


def test_further_lines_are_indented() -> None:
    assert block("one\nINFO two\r\nthree\x1b]0;x\x07\tfour") == (
        "one\n    INFO two\\r\n    three\\x1b]0;x\\x07\tfour"
    )


@given(st.text())
def test_any_text_is_one_line(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert not any(ord(each) < 32 or 127 <= ord(each) < 160 for each in line)


@given(st.text(st.sampled_from([*BREAKS, "a", "\x1b", "\t"])))
def test_no_line_of_a_block_begins_a_record(text: str) -> None:
    first, *further = block(f"INFO {text}").splitlines()
    assert first.startswith("INFO")
    assert all(line.startswith("    ") for line in further)
    assert not any(ord(each) < 32 and each not in "\t\n" for each in block(text))
