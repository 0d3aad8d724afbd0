"""What `channelshim doctor` says of an app's templates."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from channelshim.appyaml.config import AppConfig

_TEMPLATE: Final = re.compile(
    r"\bwebapp\.template\b|\bext\.webapp[ \t]+import[ \t][^\n]*\btemplate\b"
)

_USE_LIBRARY: Final = re.compile(
    r"\buse_library\([ \t]*['\"]django['\"][ \t]*,[ \t]*['\"](\d+)\."
)


def template_remarks(config: AppConfig, files: Iterable[Path]) -> list[str]:
    """Return a line when an app's templates print text without escaping it.

    Args:
        config: of app.yaml.
        files: the app's Python files.
    """
    if config.runtime != "python":
        return []
    is_used = False
    for path in files:
        source = path.read_bytes().decode("latin-1")
        chosen = _USE_LIBRARY.search(source)
        if chosen and int(chosen[1]) >= 1:
            return []
        is_used = is_used or _TEMPLATE.search(source) is not None
    if not is_used:
        return []
    return [
        "webapp.template escapes nothing, as Django 0.96 did for `runtime: python`: "
        "`use_library('django', '1.2')` or `runtime: python27` turns escaping on"
    ]
