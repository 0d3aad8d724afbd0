"""app.yaml and dispatch.yaml: read, or refused by one sentence."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import strategies as st

from channelshim.appyaml.app import parse_app
from channelshim.appyaml.dispatch import parse_dispatch
from channelshim.errors import ConfigurationError
from tests.fuzz.fuzzing import Fuzz, fuzzed

WORDS = [
    b"\n",
    b"  ",
    b"- ",
    b": ",
    b"[",
    b"{",
    b"&a ",
    b"*a",
    b"!!python/object:os.system ",
    b"\\1",
    b"(",
    b"(a+)+$",
    b"(?P<a>",
    b"[z-a]",
    b"includes: [app.yaml]\n",
    b"---\n",
    b"\t",
    b"\xc3\xa9",
    b"9999-99-99",
    b"0o9",
    b"1:60",
    b"1e999",
    b"~",
]

KEYS = (
    "handlers url script static_dir static_files upload login secure expiration "
    "http_headers libraries name version builtins deferred includes skip_files "
    "env_variables error_handlers error_code file inbound_services runtime threadsafe "
    "entrypoint service default_expiration auth_fail_action dispatch module redirect "
    "http_response_code mime_type require_matching_file manual_scaling basic_scaling"
).split()

VALUES = [
    "yes",
    "on",
    "/",
    "/a/(.*)",
    "a.app",
    "\\1.py",
    "python27",
    "4d",
    "",
    "x" * 99,
]

TREES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.integers(), st.sampled_from(VALUES), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    ),
    max_leaves=12,
)


def as_yaml(tree: Any) -> bytes:
    """Return YAML; a lone surrogate cannot be in a file."""
    text: str = yaml.safe_dump(tree, allow_unicode=True)
    return text.encode("utf-8", "replace")


def refused_by_a_sentence(error: ConfigurationError) -> None:
    text = str(error)
    assert text.strip()
    assert "Traceback" not in text


@fuzzed("app_yaml", 100)
def test_any_app_yaml_is_read_or_refused(fuzz: Fuzz) -> None:
    def claim(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        for parse in (
            lambda: parse_app(text, read=lambda path: text),
            lambda: parse_app(text, read=lambda path: None),
            lambda: parse_dispatch(text),
        ):
            try:
                parse()
            except ConfigurationError as error:
                refused_by_a_sentence(error)

    made = st.dictionaries(st.sampled_from(KEYS), TREES, max_size=6).map(as_yaml)
    fuzz.check(claim, made, words=WORDS)
