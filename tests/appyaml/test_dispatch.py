"""dispatch.yaml: rules by host and path."""

from __future__ import annotations

import pytest

from channelshim.appyaml.dispatch import DispatchConfig, DispatchRule, parse_dispatch
from channelshim.errors import ConfigurationError

TEXT = """
application: shop
dispatch:
- url: "*/work/*"
  module: worker
- url: "api.example.com/*"
  service: api
- url: "*.example.com/only"
  module: one
  colour: red
other: x
"""


@pytest.mark.parametrize(
    ("host", "path", "module"),
    [
        ("localhost:8080", "/work/", "worker"),
        ("localhost", "/work/a/b", "worker"),
        ("localhost", "/work", ""),
        ("", "/work/x", "worker"),
        ("API.example.com:80", "/x", "api"),
        ("[::1]:8080", "/work/x", "worker"),
        ("b.example.com", "/only", "one"),
        ("b.example.com", "/only/x", ""),
        ("example.com", "/only", ""),
        ("localhost", "/", ""),
    ],
)
def test_first_rule_that_matches_names_the_module(
    host: str, path: str, module: str
) -> None:
    assert parse_dispatch(TEXT).module_for(host, path) == module


def test_what_is_not_known_is_a_warning() -> None:
    lines = [str(each) for each in parse_dispatch(TEXT).warnings]
    assert lines == [
        "dispatch.yaml, line 10: dispatch: colour is not known and ignored",
        "dispatch.yaml, line 11: other is not known and ignored",
    ]


def test_empty_file_has_no_rules() -> None:
    assert parse_dispatch("") == parse_dispatch("dispatch:") == DispatchConfig()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("dispatch:\n- module: a", "line 2: dispatch: a rule needs a url"),
        ("dispatch:\n- url: '*/x*y'\n  module: a", "not '\\*/x\\*y'"),
        ("dispatch:\n- url: nothing\n  module: a", "not 'nothing'"),
        ("dispatch:\n- url: '*/x'", "the rule of \\*/x needs a module"),
        ("- x", "must be a mapping"),
    ],
)
def test_wrong_rule_is_named(text: str, part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        parse_dispatch(text)


def test_rule_that_was_made_by_hand_matches_nothing_without_an_address() -> None:
    assert not DispatchRule("no address", "one").matches("localhost", "/")
