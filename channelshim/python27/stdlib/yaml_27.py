"""`yaml`: load() without a Loader, and dump() as PyYAML 3 wrote it."""

from __future__ import annotations

from typing import Any

import yaml
from yaml.representer import Representer, SafeRepresenter

from channelshim.python27.strings import NativeStr, to_text

__all__ = ["dump", "dump_all", "load", "load_all", "safe_dump", "safe_dump_all"]


def _represented(dumper: Any, value: NativeStr) -> Any:
    raw = bytes(value)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return dumper.represent_binary(raw)
    return dumper.represent_str(to_text(value))


for _kind in (SafeRepresenter, Representer):
    _kind.add_representer(NativeStr, _represented)


def load(stream: Any, Loader: Any = yaml.FullLoader) -> Any:
    """Return the first document; its tags may not make objects of any class."""
    return yaml.load(stream, Loader)


def load_all(stream: Any, Loader: Any = yaml.FullLoader) -> Any:
    """Yield every document; their tags may not make objects of any class."""
    return yaml.load_all(stream, Loader)


def dump_all(
    documents: Any, stream: Any = None, Dumper: Any = yaml.Dumper, **named: Any
) -> Any:
    """Write documents; collections without collections in them on one line."""
    named.setdefault("default_flow_style", None)
    return yaml.dump_all(documents, stream, Dumper, **named)


def dump(data: Any, stream: Any = None, Dumper: Any = yaml.Dumper, **named: Any) -> Any:
    """Write one document."""
    return dump_all([data], stream, Dumper, **named)


def safe_dump_all(documents: Any, stream: Any = None, **named: Any) -> Any:
    """Write documents of plain values."""
    return dump_all(documents, stream, yaml.SafeDumper, **named)


def safe_dump(data: Any, stream: Any = None, **named: Any) -> Any:
    """Write one document of plain values."""
    return dump_all([data], stream, yaml.SafeDumper, **named)
