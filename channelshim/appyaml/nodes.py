"""YAML text to nodes that remember their lines; scalars stay text.

App Engine's files are read by key, and what `1`, `yes` or `007` means depends on the
key, so nothing is converted here. PyYAML reads; tags are ignored, so no tag can make
an object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from channelshim.errors import ConfigurationError

MAXIMUM_YAML_NODES: Final = 100_000
"""Keys and values of one file, aliases counted each time: the largest app.yaml known
has some thousands."""

MAXIMUM_YAML_DEPTH: Final = 32

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class Node:
    """A piece of a YAML file.

    Attributes:
        path: the file, as errors name it.
        line: counted from 1.
        value: text, a list of nodes, a list of (key, node) pairs in order of the file,
            or None for nothing.
        is_plain: whether the text stands there without quotes and in no block.
    """

    path: str
    line: int
    value: str | list[Node] | list[tuple[str, Node]] | None
    is_plain: bool = False

    def text(self, key: str) -> str:
        """Return the scalar; "" for nothing.

        Raises:
            ConfigurationError: it is a list or a mapping; names key.
        """
        if self.value is None:
            return ""
        if isinstance(self.value, str):
            return self.value
        raise self.error(f"{key} must be a single value")

    def printed(self, key: str) -> str:
        """Return the scalar as Python 2.7 printed what YAML makes of it.

        `true` is "True", `1.50` is "1.5", `037` is "31" and nothing is "None"; in
        quotes each is as it stands.

        Raises:
            ConfigurationError: it is a list or a mapping; names key.
        """
        if self.value is None:
            return "None"
        text = self.text(key)
        return _printed(text) if self.is_plain else text

    def items(self, key: str) -> list[Node]:
        """Return the elements of a list; none for nothing.

        Raises:
            ConfigurationError: it is no list; names key.
        """
        if self.value is None:
            return []
        if isinstance(self.value, list) and not self.is_mapping():
            return [item for item in self.value if isinstance(item, Node)]
        raise self.error(f"{key} must be a list, each element behind a dash")

    def pairs(self, key: str) -> list[tuple[str, Node]]:
        """Return the keys and values of a mapping; none for nothing.

        Raises:
            ConfigurationError: it is no mapping; names key.
        """
        if self.value is None:
            return []
        if isinstance(self.value, list) and (not self.value or self.is_mapping()):
            return [item for item in self.value if isinstance(item, tuple)]
        raise self.error(f"{key} must be a mapping of keys to values")

    def is_mapping(self) -> bool:
        """Return whether it has keys."""
        return isinstance(self.value, list) and any(
            isinstance(item, tuple) for item in self.value
        )

    def error(self, sentence: str) -> ConfigurationError:
        """Return the error that says sentence and names file and line."""
        return ConfigurationError(sentence, path=self.path, line=self.line)


def parse_yaml(text: str, path: str) -> Node:
    """Return the root node of the first document.

    Args:
        text: the file's text.
        path: how errors name the file.

    Raises:
        ConfigurationError: no YAML, or more of it than MAXIMUM_YAML_NODES
            (aliases of aliases grow without end); names the line.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise ConfigurationError(
            f"this is not YAML: {problem}", path=path, line=line
        ) from None
    except (RecursionError, ValueError) as error:
        raise ConfigurationError(f"this is not YAML: {error}", path=path) from None
    if root is None:
        return Node(path, 1, None)
    return _Converter(path).convert(root, depth=0)


class _Converter:
    """PyYAML's nodes to ours, within a budget."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._left = MAXIMUM_YAML_NODES

    def convert(self, node: yaml.Node, depth: int) -> Node:
        line = node.start_mark.line + 1
        self._left -= 1
        if self._left < 0 or depth > MAXIMUM_YAML_DEPTH:
            raise ConfigurationError(
                f"the file has more than {MAXIMUM_YAML_NODES:,} nodes or "
                f"{MAXIMUM_YAML_DEPTH} levels: split or flatten it",
                path=self._path,
                line=line,
            )
        if isinstance(node, yaml.ScalarNode):
            is_null = node.style is None and node.value in _NULLS
            value = None if is_null else node.value
            return Node(self._path, line, value, node.style is None)
        if isinstance(node, yaml.SequenceNode):
            items = [self.convert(item, depth + 1) for item in node.value]
            return Node(self._path, line, items)
        return Node(self._path, line, list(self._pairs(node, depth + 1)))

    def _pairs(self, node: yaml.Node, depth: int) -> Iterator[tuple[str, Node]]:
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigurationError(
                    "a key must be a single word",
                    path=self._path,
                    line=key.start_mark.line + 1,
                )
            yield key.value, self.convert(value, depth)


def _printed(text: str) -> str:
    loader: Any = yaml.SafeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    try:
        value = loader.construct_object(yaml.ScalarNode(tag, text))
    except (yaml.YAMLError, ValueError, OverflowError):
        # What looks like a date and is none.
        return text
    if isinstance(value, float):
        short = f"{value:.12g}"
        is_whole = short.lstrip("-").isdigit()
        return f"{short}.0" if is_whole else short
    return text if value is None else str(value)
