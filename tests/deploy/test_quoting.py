"""A text comes out of each syntax as it went in."""

from __future__ import annotations

import ast
import json
import shlex

import pytest
import yaml
from hypothesis import strategies as st

from channelshim.deploy import quoting
from tests.deploy.units import split, words_of
from tests.exploring import Cases, explored

AWKWARD = [
    "/srv/chat",
    "/srv/my app",
    "/srv/it's",
    '/srv/a "quoted" one',
    "/srv/$HOME and ${HOME} $$",
    "/srv/100% %h %%",
    "/srv/back\\slash\\",
    "/srv/a:b;c#d",
    "--admins=ann@example.com,bob@example.com",
    "/srv/Grüße/日本/😀",
    "/srv/{{ braces }}",
    " leading and trailing ",
    "yes",
    "",
]

TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")))


@explored(50, 5_000)
def test_word_of_a_unit_is_read_as_it_was(cases: Cases) -> None:
    def claim(text: str) -> None:
        unit = f"[Service]\nExecStart=/bin/x {quoting.systemd_word(text)} end\n"
        assert words_of(unit) == ["/bin/x", text, "end"]

    cases.check(claim, st.one_of(st.sampled_from(AWKWARD), TEXTS))


@explored(50, 5_000)
def test_folder_of_a_unit_is_read_as_it_was(cases: Cases) -> None:
    def claim(text: str) -> None:
        (word,) = split(quoting.systemd_path(text))
        assert word.replace("%%", "%") == text
        # Only in quotes does a colon not begin the second of two folders.
        assert ":" not in text or quoting.systemd_path(text).startswith('"')

    cases.check(claim, st.one_of(st.sampled_from(AWKWARD), TEXTS))


@explored(50, 5_000)
def test_text_of_a_compose_file_is_read_as_it_was(cases: Cases) -> None:
    def claim(text: str) -> None:
        flow = f"{{source: {quoting.compose_text(text)}}}"
        found = yaml.safe_load(flow)["source"]
        assert "$" not in found.replace("$$", "")
        assert found.replace("$$", "$") == text

    cases.check(claim, st.one_of(st.sampled_from(AWKWARD), TEXTS))


@pytest.mark.parametrize("text", AWKWARD)
def test_text_of_the_others_is_read_as_it_was(text: str) -> None:
    assert ast.literal_eval(quoting.python_text(text)) == text
    assert json.loads(quoting.FILTERS["json"](text)) == text
    assert shlex.split(quoting.FILTERS["shell"](text)) == [text]


def test_what_needs_no_quotes_has_none() -> None:
    assert quoting.systemd_word("--trusted-proxies=127.0.0.1,::1") == (
        "--trusted-proxies=127.0.0.1,::1"
    )
    assert quoting.systemd_path("/srv/chat") == "/srv/chat"
