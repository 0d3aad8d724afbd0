"""YAML text to nodes that remember their lines; scalars stay text.

App Engine's files are read by key, and what `1`, `yes` or `007` means depends on the
key, so nothing is converted here. PyYAML reads; tags are ignored, so no tag can make
an object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import yaml

from channelshim.errors import ConfigurationError

MAXIMUM_YAML_CHARACTERS: Final = 1 << 20
"""Of one file: the largest known has some hundred thousand."""

MAXIMUM_YAML_NODES: Final = 100_000
"""Keys and values of one file and those that it includes, aliases counted each time:
the largest app.yaml known has some thousands."""

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


class Budget:
    """How much of YAML may still be read: by one file, and by all that it includes.

    Attributes:
        nodes: that are left.
    """

    def __init__(self, nodes: int = MAXIMUM_YAML_NODES) -> None:
        self.nodes: int = nodes


def parse_yaml(text: str, path: str, budget: Budget | None = None) -> Node:
    """Return the root node of the only document.

    Args:
        text: the file's text.
        path: how errors name the file.
        budget: what is read is taken from it; None for one of its own.

    Raises:
        ConfigurationError: no YAML, or more than may be read; names the line.
    """
    if len(text) > MAXIMUM_YAML_CHARACTERS:
        raise ConfigurationError(
            f"the file has more than {MAXIMUM_YAML_CHARACTERS:,} characters: split it",
            path=path,
        )
    try:
        return _Builder(path, budget or Budget()).build(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise ConfigurationError(
            f"this is not YAML: {problem}", path=path, line=line
        ) from None
    except (RecursionError, ValueError, OverflowError) as error:
        raise ConfigurationError(f"this is not YAML: {error}", path=path) from None


class _Piece(NamedTuple):
    """A node that is whole, with what it costs whoever goes through it.

    Attributes:
        node: that is whole.
        size: its nodes, itself included.
        height: levels below it.
        key: what it is as a key: the text that stands there, None for no text.
    """

    node: Node
    size: int
    height: int
    key: str | None


def _line_of(event: yaml.Event) -> int:
    mark = event.start_mark
    return 1 if mark is None else mark.line + 1


class _Open:
    """A list or mapping whose end has not come."""

    __slots__ = ("anchor", "count", "height", "is_mapping", "items", "key", "line")

    def __init__(self, event: yaml.CollectionStartEvent) -> None:
        self.line: int = _line_of(event)
        self.anchor: str | None = event.anchor
        self.is_mapping = isinstance(event, yaml.MappingStartEvent)
        self.items: list[Any] = []
        # Of a mapping: the key whose value has not come.
        self.key: str | None = None
        self.count = 1
        self.height = 0


class _Builder:
    """The parser's events to nodes, within a budget.

    PyYAML's own nodes would be ten times as large, and there before anybody counts. An
    alias is its anchor's node once more, and is paid for as if it stood there.
    """

    def __init__(self, path: str, budget: Budget) -> None:
        self._path = path
        self._budget = budget
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Piece] = {}
        self._root: Node | None = None

    def build(self, text: str) -> Node:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = _line_of(event)
            if isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
                raise self._error("a second document begins here: keep one", line)
            if isinstance(event, yaml.CollectionStartEvent):
                self._check(1, 0, line)
                self._refuse_as_key(line)
                self._stack.append(_Open(event))
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close()
            elif isinstance(event, yaml.ScalarEvent):
                self._check(1, 0, line)
                self._put(self._scalar(event), event.anchor, line)
            elif isinstance(event, yaml.AliasEvent):
                piece = self._anchors.get(str(event.anchor))
                if piece is None:
                    sentence = f"*{event.anchor} stands before the end of its anchor"
                    raise self._error(sentence, line)
                self._check(piece.size, piece.height, line)
                self._put(piece, None, line)
        return self._root or Node(self._path, 1, None)

    def _scalar(self, event: yaml.ScalarEvent) -> _Piece:
        is_plain = event.style is None
        is_null = is_plain and event.value in _NULLS
        value = None if is_null else event.value
        line = _line_of(event)
        return _Piece(Node(self._path, line, value, is_plain), 1, 0, event.value)

    def _close(self) -> None:
        closed = self._stack.pop()
        node = Node(self._path, closed.line, closed.items)
        piece = _Piece(node, closed.count, closed.height + 1, None)
        self._put(piece, closed.anchor, closed.line)

    def _put(self, piece: _Piece, anchor: str | None, line: int) -> None:
        """Put a node that is whole where it belongs."""
        if anchor is not None:
            self._anchors[anchor] = piece
        if not self._stack:
            self._root = piece.node
            return
        parent = self._stack[-1]
        if not parent.is_mapping:
            parent.items.append(piece.node)
        elif parent.key is None:
            if piece.key is None:
                self._refuse_as_key(line)
            parent.key = piece.key
            return
        else:
            parent.items.append((parent.key, piece.node))
            parent.key = None
        parent.count += piece.size
        parent.height = max(parent.height, piece.height)

    def _refuse_as_key(self, line: int) -> None:
        """Refuse what is no text where a key should be."""
        if self._stack and self._stack[-1].is_mapping and self._stack[-1].key is None:
            raise self._error("a key must be a single word", line)

    def _check(self, count: int, height: int, line: int) -> None:
        self._budget.nodes -= count
        if self._budget.nodes < 0 or len(self._stack) + height > MAXIMUM_YAML_DEPTH:
            raise self._error(
                f"the file has more than {MAXIMUM_YAML_NODES:,} nodes, with those of "
                f"its includes, or {MAXIMUM_YAML_DEPTH} levels: split or flatten it",
                line,
            )

    def _error(self, sentence: str, line: int) -> ConfigurationError:
        return ConfigurationError(sentence, path=self._path, line=line)


def _printed(text: str) -> str:
    loader: Any = yaml.SafeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    try:
        value = loader.construct_object(yaml.ScalarNode(tag, text))
        if isinstance(value, float):
            short = f"{value:.12g}"
            is_whole = short.lstrip("-").isdigit()
            return f"{short}.0" if is_whole else short
        return text if value is None else str(value)
    except (yaml.YAMLError, ValueError, OverflowError):
        # An invalid date, or a number with more digits than Python writes.
        return text
