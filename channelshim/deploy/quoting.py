"""A text in the syntax of each file that it is written into.

No text here has a control character: `deployment` has refused it.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from typing import Final

_PLAIN: Final = re.compile(r"[\w./:=@,+~-]+", re.ASCII)


def systemd_path(text: str) -> str:
    """Return a path for a setting of a unit that names folders.

    Source: systemd.syntax(7), Quoting, and systemd.unit(5), Specifiers. In quotes a
    colon does not end the name.
    """
    if _PLAIN.fullmatch(text) and ":" not in text:
        return text
    return _systemd_quoted(text)


def systemd_word(text: str) -> str:
    """Return a word of a unit's ExecStart=, behind the program.

    Source: systemd.service(5), Command lines: a dollar begins a variable there.
    """
    if _PLAIN.fullmatch(text):
        return text
    return _systemd_quoted(text).replace("$", "$$")


def _systemd_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def yaml_text(text: str) -> str:
    """Return a text for a YAML file: JSON's form is one of YAML's."""
    return json.dumps(text, ensure_ascii=False)


def compose_text(text: str) -> str:
    """Return a text for a compose file, where a dollar begins a variable."""
    return yaml_text(text.replace("$", "$$"))


def python_text(text: str) -> str:
    """Return a text for a Python program, in ASCII."""
    return ascii(text)


FILTERS: Final[dict[str, Callable[[str], str]]] = {
    "compose": compose_text,
    "json": yaml_text,
    "python": python_text,
    "shell": shlex.quote,
    "systemd": systemd_word,
    "systemd_path": systemd_path,
}
"""The templates' filters, by name."""
