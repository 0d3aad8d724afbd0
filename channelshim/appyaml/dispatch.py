"""dispatch.yaml: which module answers for which host and path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from channelshim.appyaml.config import Notice
from channelshim.appyaml.nodes import Node, parse_yaml

_URL: Final = re.compile(r"(\*?[^/*]*)(/[^*]*\*?)")

_PORT: Final = re.compile(r":\d+\Z")


@dataclass(frozen=True, slots=True)
class DispatchRule:
    """One element of `dispatch:`.

    Attributes:
        url: as written: a host that may begin with a star, and a path that may end
            with one.
        module: the name of the module that answers.
        line: its line.
    """

    url: str
    module: str
    line: int = 0

    def matches(self, host: str, path: str) -> bool:
        """Return whether the rule is for a request.

        Args:
            host: of the request, in lower case, without port.
            path: of the request.
        """
        match = _URL.fullmatch(self.url)
        if match is None:
            return False
        name, wanted = match[1].lower(), match[2]
        is_any = name.startswith("*")
        is_host = host.endswith(name[1:]) if is_any else host == name
        if wanted.endswith("*"):
            return is_host and path.startswith(wanted[:-1])
        return is_host and path == wanted


@dataclass(frozen=True, slots=True)
class DispatchConfig:
    """A dispatch.yaml."""

    rules: tuple[DispatchRule, ...] = ()
    warnings: tuple[Notice, ...] = ()

    def module_for(self, host: str, path: str) -> str:
        """Return the module of the first rule for a request; "" when there is none.

        Args:
            host: the Host header, with or without a port.
            path: of the request.
        """
        name = _PORT.sub("", host.lower())
        for rule in self.rules:
            if rule.matches(name, path):
                return rule.module
        return ""


def parse_dispatch(text: str, *, path: str = "dispatch.yaml") -> DispatchConfig:
    """Return what dispatch.yaml says; what is not known becomes a warning.

    Raises:
        ConfigurationError: no YAML, or a rule without url or module, or with a url that
            has a star in its middle; names the line.
    """
    warnings: list[Notice] = []
    rules = []
    for key, node in parse_yaml(text, path).pairs("dispatch.yaml"):
        if key == "dispatch":
            rules += [_parse_rule(item, warnings) for item in node.items("dispatch")]
        elif key != "application":
            warnings.append(Notice(f"{key} is not known and ignored", path, node.line))
    return DispatchConfig(tuple(rules), tuple(warnings))


def _parse_rule(node: Node, warnings: list[Notice]) -> DispatchRule:
    values = dict(node.pairs("a dispatch rule"))
    for key in values.keys() - {"url", "module", "service"}:
        sentence = f"dispatch: {key} is not known and ignored"
        warnings.append(Notice(sentence, node.path, values[key].line))
    url = values["url"].text("url").strip() if "url" in values else ""
    if not _URL.fullmatch(url):
        raise node.error(
            "dispatch: a rule needs a url like */work/*, with a star at its head, at "
            f"its end, or at both, not {url!r}"
        )
    name = next((key for key in ("module", "service") if key in values), "")
    module = values[name].text(name).strip() if name else ""
    if not module:
        raise node.error(f"dispatch: the rule of {url} needs a module")
    return DispatchRule(url, module, node.line)
