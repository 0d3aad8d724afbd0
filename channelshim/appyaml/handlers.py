"""`handlers:` of app.yaml."""

from __future__ import annotations

import re
from typing import Final

from channelshim.appyaml import config
from channelshim.appyaml.config import Handler
from channelshim.appyaml.nodes import Node
from channelshim.appyaml.parsing import (
    WITHIN,
    Warn,
    parse_choice,
    parse_pattern,
    parse_period,
    parse_switch,
)

DEFERRED_PATH: Final = "/_ah/queue/deferred"
DEFERRED_APPLICATION: Final = "google.appengine.ext.deferred.deferred.application"

_KINDS: Final = (
    config.SCRIPT,
    config.STATIC_DIR,
    config.STATIC_FILES,
    config.API_ENDPOINT,
)
_CHOICES: Final = {
    "login": ("optional", "required", "admin"),
    "auth_fail_action": ("redirect", "unauthorized"),
    "secure": ("default", "optional", "always", "never"),
    "redirect_http_response_code": ("301", "302", "303", "307"),
    "position": ("head", "tail"),
}
_LIBRARY_SCRIPTS: Final = {
    "$PYTHON_LIB/google/appengine/ext/deferred/handler.py": DEFERRED_APPLICATION,
}
_KNOWN: Final = frozenset(
    {
        "url",
        "upload",
        "mime_type",
        "expiration",
        "http_headers",
        "application_readable",
        "require_matching_file",
        *_KINDS,
        *_CHOICES,
    }
)


def parse_handler(node: Node, warn: Warn) -> tuple[str, Handler] | None:
    """Return where an element of an include goes ("head" or "tail"), and the handler.

    Args:
        node: the element.
        warn: called with the node and a sentence for what is ignored.

    Returns:
        None, after a warning, for an element that says nothing to be done.

    Raises:
        ConfigurationError: no url, a url or file pattern that cannot be read, or a
            word where only others are allowed.
    """
    values = dict(node.pairs("a handler"))
    for key in values.keys() - _KNOWN:
        warn(values[key], f"handlers: {key} is not known and ignored")
    if "url" not in values:
        raise node.error("a handler needs a url")
    kinds = [kind for kind in _KINDS if kind in values]
    url = values["url"].text("url")
    if not kinds:
        warn(node, f"the handler of {url} has neither script nor files and is ignored")
        return None
    script = values[kinds[0]].text(kinds[0])
    if script.startswith("$PYTHON_LIB") and script not in _LIBRARY_SCRIPTS:
        # It goes on to stand before what is below: that may be open to everybody.
        warn(node, f"the handler of {url} runs {script}, which is not here: 404")
        values[kinds[0]] = Node(node.path, node.line, config.NOTHING)
    if len(kinds) > 1:
        warn(node, f"the handler of {url} has {' and '.join(kinds)}: {kinds[0]} counts")
    choices = {
        key: parse_choice(values[key], key, words) if key in values else ""
        for key, words in _CHOICES.items()
    }
    return choices["position"] or "head", _build(node, values, kinds[0], choices, warn)


def _build(
    node: Node, values: dict[str, Node], kind: str, choices: dict[str, str], warn: Warn
) -> Handler:
    url = values["url"].text("url")
    target = values[kind].text(kind).strip()
    upload = values.get("upload")
    expiration = values.get("expiration")
    return Handler(
        url=url,
        kind=kind,
        target=_LIBRARY_SCRIPTS.get(target, target),
        pattern=_url_pattern(values["url"], kind),
        login=choices["login"] or "optional",
        auth_fail_action=choices["auth_fail_action"] or "redirect",
        secure=choices["secure"] or "default",
        redirect_status=int(choices["redirect_http_response_code"] or 302),
        upload=None if upload is None else parse_pattern(upload, "upload", WITHIN),
        mime_type=_text(values, "mime_type"),
        expiration_seconds=None
        if expiration is None
        else parse_period(expiration, "expiration"),
        http_headers=_headers(values, warn),
        is_application_readable=_switch(values, "application_readable"),
        has_fall_through=_switch(values, "require_matching_file"),
        path=node.path,
        line=node.line,
    )


def _url_pattern(node: Node, kind: str) -> re.Pattern[str]:
    if kind == config.STATIC_DIR:
        # The last group is the file below the folder; url may end with a slash.
        return parse_pattern(node, "url", r"(?:{})(?:(?<=/)|/)(.*)\Z")
    return parse_pattern(node, "url")


def _text(values: dict[str, Node], key: str) -> str:
    return values[key].text(key).strip() if key in values else ""


def _switch(values: dict[str, Node], key: str) -> bool:
    return key in values and parse_switch(values[key], key)


def _headers(values: dict[str, Node], warn: Warn) -> tuple[tuple[str, str], ...]:
    headers = []
    for name, node in values.get("http_headers", Node("", 0, None)).pairs(
        "http_headers"
    ):
        value = node.text(name)
        if re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII) and re.fullmatch(
            r"[\t\x20-\x7e]*", value
        ):
            headers.append((name, value))
        else:
            warn(node, f"http_headers: {name} is no HTTP header and is ignored")
    return tuple(headers)
