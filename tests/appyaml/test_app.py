"""app.yaml: what old files say is read, and what they say wrongly is named."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.appyaml import app, config, handlers
from channelshim.appyaml.app import parse_app
from channelshim.appyaml.config import AppConfig, ErrorHandler, Library
from channelshim.errors import ConfigurationError
from tests.lanes import ROOT


def parse(text: str, files: Mapping[str, str] | None = None) -> AppConfig:
    return parse_app(text, read=(files or {}).get)


def sentences(read: AppConfig) -> str:
    return "\n".join(map(str, read.warnings))


def test_tutorial_is_read_in_order_and_without_warnings() -> None:
    read = parse(
        """
runtime: python27
api_version: 1
threadsafe: true
handlers:
- url: /static
  static_dir: static
- url: /.*
  script: server.app
inbound_services:
- channel_presence
libraries:
- name: webapp2
  version: latest
- name: jinja2
"""
    )
    assert [handler.kind for handler in read.handlers] == ["static_dir", "script"]
    assert read.inbound_services == ("channel_presence",)
    assert read.libraries == (Library("webapp2"), Library("jinja2", "latest"))
    assert read.static_directories == ("static",)
    assert read.is_threadsafe
    assert read.is_python2
    assert not parse("runtime: python39\nhandlers: []\n").is_python2
    assert read.warnings == ()


def test_every_key_of_a_handler_is_read() -> None:
    read = parse(
        r"""
application: MyApp
version: "2"
runtime: python
service: chat
threadsafe: no
default_expiration: "4d 5h"
handlers:
- url: /i/(.*\.gif)
  static_files: images/\1
  upload: images/.*\.gif
  mime_type: image/gif
  expiration: 10m
  login: required
  auth_fail_action: unauthorized
  secure: always
  redirect_http_response_code: 301
  application_readable: true
  require_matching_file: true
  http_headers:
    X-Foo: bar
- url: /endpoint
  api_endpoint: x.app
  login: admin
"""
    )
    handler = read.handlers[0]
    assert (read.application, read.version, read.module) == ("myapp", "2", "chat")
    assert read.default_expiration_seconds == 4 * 86400 + 5 * 3600
    assert not read.is_threadsafe
    assert handler.target == r"images/\1"
    assert handler.upload is not None
    assert handler.upload.match("images/a.gif")
    assert handler.upload.match("images/a.gif.txt")
    assert handler.upload.match("more/images/a.gif")
    assert not handler.upload.match("images/a.png")
    assert handler.mime_type == "image/gif"
    assert handler.expiration_seconds == 600
    assert (handler.login, handler.auth_fail_action) == ("required", "unauthorized")
    assert (handler.secure, handler.redirect_status) == ("always", 301)
    assert handler.is_application_readable
    assert handler.has_fall_through
    assert handler.http_headers == (("X-Foo", "bar"),)
    assert read.handlers[1].kind == config.API_ENDPOINT


@pytest.mark.parametrize(
    ("url", "kind", "path", "matches"),
    [
        ("/a", "script", "/a", True),
        ("/a", "script", "/ab", False),
        ("/a|/b", "script", "/b", True),
        ("/a|/b", "script", "/a/b", False),
        ("^/a$", "script", "/a", True),
        ("/a", "script", "/a\n", False),
        ("/s", "static_dir", "/s/x", True),
        ("/s/", "static_dir", "/s/x", True),
        ("/s", "static_dir", "/sx", False),
        ("/s|/t", "static_dir", "/t/x", True),
    ],
)
def test_url_is_anchored(url: str, kind: str, path: str, matches: bool) -> None:
    read = parse(f"runtime: python27\nhandlers:\n- url: {url}\n  {kind}: x.y\n")
    assert bool(read.handlers[0].pattern.match(path)) is matches


def test_unknown_keys_are_warnings_with_their_line() -> None:
    read = parse(
        """runtime: python25
pagespeed:
  enabled: yes
colour: red
handlers:
- url: /a
  script: a.app
  login: optional
  shape: round
- url: /b
  script: b.app
  static_dir: c
- url: /nothing
  http_headers:
    "bad header": x
    Good: "a\\nb"
- url: /c
  static_dir: c
  http_headers:
    "bad header": x
    Good: "a\\nb"
builtins:
- appstats: on
- deferred: on
- remote_api: off
- made_up: on
"""
    )
    said = sentences(read)
    for part in (
        "line 4: colour is not known",
        "line 9: handlers: shape",
        "line 10: the handler of /b has script and static_dir: script counts",
        "the handler of /nothing has neither script nor files",
        "http_headers: bad header is no HTTP header",
        "http_headers: Good is no HTTP header",
        "appstats has no effect",
        "made_up is not known",
        "runtime python25 is run as python27",
    ):
        assert part in said
    assert "pagespeed" not in said
    assert read.builtins == ("appstats", "deferred", "made_up")
    assert read.handlers[0].target.endswith("deferred.application")
    assert read.handlers[0].login == "admin"


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ("login", "optional, required or admin"),
        ("auth_fail_action", "redirect or unauthorized"),
        ("secure", "default, optional, always or never"),
        ("redirect_http_response_code", "301, 302, 303 or 307"),
        ("position", "head or tail"),
    ],
)
def test_unknown_words_of_a_handler_stop_the_start(key: str, allowed: str) -> None:
    text = f"handlers:\n- url: /.*\n  script: a.app\n  {key}: maybe\n"
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert caught.value.line == 4
    assert caught.value.sentence == f"{key} must be {allowed}, not 'maybe'"
    # In any case, and nothing at all is no word.
    parse(text.replace("maybe", allowed.split()[-1].upper()))
    parse(text.replace("maybe", ""))


def test_unknown_words_elsewhere_stop_the_start() -> None:
    with pytest.raises(ConfigurationError, match="auto_id_policy must be default or"):
        parse("auto_id_policy: maybe\n")
    with pytest.raises(ConfigurationError, match="line 2: error_code must be default,"):
        parse("error_handlers:\n- error_code: 404\n  file: a.html\n")


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a: [", 1, "this is not YAML"),
        ("a: \x00", None, "this is not YAML"),
        ('a: "\\UFFFFFFFF"', None, "this is not YAML"),
        ("a: 1\n---\nb: 2", 2, "a second document begins here"),
        ("a: *b", 1, "*b stands before the end of its anchor"),
        ("a: &b [*b]", 1, "*b stands before the end of its anchor"),
        ("&a [b]: c", 1, "a key must be a single word"),
        ("a: &a [b]\n*a : c", 2, "a key must be a single word"),
        ("- " * 40 + "a", 1, "or 32 levels"),
        ("a: " + "b" * (1 << 20), None, "more than 1,048,576 characters"),
        ("just text", 1, "must be a mapping of keys to values"),
        ("", 1, "must be a mapping of keys to values"),
        ("runtime: [python27]", 1, "runtime must be a single value"),
        ("? [a]\n: b", 1, "a key must be a single word"),
        ("runtime: python27\nhandlers: /x", 2, "handlers must be a list"),
        ("handlers:\n- /x", 2, "a handler must be a mapping of keys to values"),
        ("handlers:\n- script: x", 2, "a handler needs a url"),
        ("handlers:\n- url: /(\n  script: x", 2, "is not a regular expression"),
        ("threadsafe: maybe", 1, "threadsafe must be yes or no"),
        ("default_expiration: soon", 1, "must be a period"),
        ("default_expiration: ''", 1, "must be a period"),
        ("env_variables:\n  A=B: c", 2, "is not a valid variable name"),
        ("libraries:\n- version: 1", 2, "a library needs a name"),
        ("error_handlers:\n- error_code: default", 2, "needs a file"),
        ("includes:\n- nowhere.yaml", 2, "there is no nowhere.yaml"),
        ("includes:\n- ../up.yaml", 2, "there is no ../up.yaml"),
    ],
)
def test_error_names_the_line_and_the_key(
    text: str, line: int | None, part: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert caught.value.path == "app.yaml"
    assert caught.value.line == line
    assert part in str(caught.value)


def test_aliases_stand_for_what_is_behind_their_anchors() -> None:
    read = parse(
        """
runtime: &runtime python27
env_variables: &variables {a: "1", &name b: *runtime}
libraries: [{&key name: jinja2}, {*key : markupsafe}]
"""
    )
    assert read.runtime == "python27"
    assert read.env_variables == {"a": "1", "b": "python27"}
    assert [library.name for library in read.libraries] == ["jinja2", "markupsafe"]


def test_includes_share_one_budget() -> None:
    # 60,000 unknown keys each.
    names = [f"{number}.yaml" for number in range(2)]
    text = "a: &a [" + "x," * 10_000 + "]\n"
    text += "".join(f"b{number}: *a\n" for number in range(5))
    with pytest.raises(ConfigurationError, match="100,000 nodes, with") as caught:
        parse_app(f"runtime: python27\nincludes: {names}\n", read=lambda path: text)
    assert caught.value.path == "1.yaml"


def test_numbers_that_python_does_not_write_stay_as_they_are() -> None:
    number = "0x" + "f" * 5000
    read = parse(f"env_variables: {{A: {number}}}\n")
    assert read.env_variables == {"A": number}


def test_lists_and_variables_are_read() -> None:
    read = parse(
        """
runtime: python27
env_variables:
  COLOUR: red
  EMPTY:
skip_files:
- ^secret/
- |
  ^a
  b$
error_handlers:
- file: error.html
- error_code: timeout
  file: slow.html
  mime_type: text/plain
handlers:
libraries:
"""
    )
    assert read.env_variables == {"COLOUR": "red", "EMPTY": "None"}
    for path, is_skipped in (("secret/a", True), ("ab", True), ("b", False)):
        found = [pattern.match(path) for pattern in read.skip_files]
        assert any(found) is is_skipped
    assert read.error_handlers == (
        ErrorHandler("default", "error.html"),
        ErrorHandler("timeout", "slow.html", "text/plain"),
    )


@pytest.mark.parametrize("key", ["manual_scaling", "basic_scaling"])
def test_scaling_by_hand_means_instances(key: str) -> None:
    assert parse(f"{key}:\n  instances: 1\n").has_instances


def test_skip_files_may_be_one_text_and_those_of_includes_are_added() -> None:
    text = "runtime: python27\nskip_files: ^x$\nincludes: [more.yaml]\n"
    read = parse(text, {"more.yaml": "skip_files: [^y$]"})
    assert [bool(pattern.match("x")) for pattern in read.skip_files] == [True, False]


def test_included_handlers_go_to_the_head_or_the_tail() -> None:
    files = {
        "extra.yaml": """
application: not-this
includes:
- more
handlers:
- url: /last
  script: x.app
  position: tail
- url: /first
  script: x.app
""",
        "more/include.yaml": "includes:\n- ../extra.yaml\n- $PYTHON_LIB/y\n",
    }
    read = parse(
        "runtime: python27\nincludes:\n- extra.yaml\n"
        "handlers:\n- url: /own\n  script: x.app\n",
        files,
    )
    assert [handler.url for handler in read.handlers] == ["/first", "/own", "/last"]
    assert read.application == ""
    assert "$PYTHON_LIB/y has no effect" in sentences(read)


def test_scripts_of_googles_folder() -> None:
    read = parse(
        "runtime: python27\nhandlers:\n"
        "- url: /_ah/queue/deferred\n"
        "  script: $PYTHON_LIB/google/appengine/ext/deferred/handler.py\n"
        "- url: /stats.*\n"
        "  script: $PYTHON_LIB/google/appengine/ext/appstats/ui.py\n"
    )
    handler, missing = read.handlers
    assert handler.target.endswith("deferred.application")
    # It keeps its place: what is below may be open to everybody.
    assert (missing.url, missing.target) == ("/stats.*", config.NOTHING)
    assert "appstats/ui.py, which is not here: 404" in sentences(read)


def test_endless_includes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MAXIMUM_INCLUDES", 3)
    with pytest.raises(ConfigurationError, match="more than 3"):
        parse(
            "includes:\n" + "".join(f"- {n}.yaml\n" for n in range(9)),
            {f"{n}.yaml": "{}" for n in range(9)},
        )


def test_growing_aliases_are_refused() -> None:
    text = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n"
        for n in range(20)
    )
    with pytest.raises(ConfigurationError, match="100,000 nodes, with"):
        parse(text)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        parse("a: " + "[" * 10000)
    with pytest.raises(ConfigurationError):
        parse("a: " + "[" * 50 + "]" * 50)


_WORDS = st.sampled_from(
    "runtime handlers url script static_dir static_files upload login expiration "
    "includes env_variables skip_files libraries name builtins deferred on python27 "
    "error_handlers file default_expiration 10m threadsafe true (.*) \\1 & * "
    "!!python/x [ ] { } : - ' \" \n \t # | > %".split(" ")
)


@given(st.lists(st.one_of(_WORDS, st.text(max_size=3)), max_size=40))
def test_any_text_is_read_or_refused_with_a_sentence(words: list[str]) -> None:
    for text in ("".join(words), " ".join(words), "\n".join(words)):
        with contextlib.suppress(ConfigurationError):
            parse(text)


def test_reference_says_of_each_key_what_it_means_under_each_door() -> None:
    page = (ROOT / "docs" / "reference" / "app-yaml.md").read_text("utf-8")
    section = page.partition("## What holds under which door")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`(\w+)`", section))
    takers = [name for name in dir(app._Reader) if name.startswith("_take_")]
    known = {name.removeprefix("_take_") for name in takers} - {"builtin"}
    known |= set(app._TEXT_KEYS) | handlers._KNOWN
    assert known - documented == set()


def test_policy_for_ids_is_read() -> None:
    assert parse("auto_id_policy: legacy\n").auto_id_policy == "legacy"
    included = {"more.yaml": "auto_id_policy: legacy\n"}
    assert parse("includes: [more.yaml]\n", included).auto_id_policy != "legacy"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", "True"),
        ("yes", "True"),
        ("off", "False"),
        ("1.50", "1.5"),
        ("037", "31"),
        ("0x1F", "31"),
        ("1:30", "90"),
        ("1.0e+20", "1e+20"),
        ("3.0", "3.0"),
        ("12345678901234567890", "12345678901234567890"),
        ("2012-01-02", "2012-01-02"),
        ("2012-99-99", "2012-99-99"),
        ("~", "None"),
        ("", "None"),
        ('"true"', "true"),
        ("'037'", "037"),
        ('""', ""),
        ("hello world", "hello world"),
        ("|\n    1.50", "1.50"),
    ],
)
def test_variables_are_what_python_27_printed(written: str, value: str) -> None:
    read = parse(f"env_variables:\n  X: {written}\n")
    assert read.env_variables["X"].rstrip("\n") == value


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("(?i)/home", "/HOME", True),
        (r"/pics/(.*\.(?i)(gif|png))", "/pics/A.GIF", True),
        (r"/d\ir/.*", "/dir/x", True),
        (r"/[(?i)]", "/?", True),
        (r"/[(?i)]", "/I", False),
        (r"/[]a(?i)]", "/i", True),
        (r"/[^]a]x", "/bx", True),
        (r"/\d+\Z", "/12", True),
        (r"/\(?i\)", "/i)", True),
        ("/(?Lu)a", "/a", True),
    ],
)
def test_patterns_are_read_as_python_27_read_them(
    pattern: str, path: str, matches: bool
) -> None:
    read = parse(f"handlers:\n- url: '{pattern}'\n  script: x.app\n")
    assert (read.handlers[0].pattern.match(path) is not None) is matches


def test_skip_files_of_several_lines_are_one_pattern() -> None:
    read = parse("skip_files: |\n ^(.*/)?(\n (app\\.yaml)|\n (notes/.*)|\n )$\n")
    (pattern,) = read.skip_files
    skipped = [bool(pattern.match(path)) for path in ("app.yaml", "notes/a", "a.txt")]
    assert skipped == [True, True, False]
