"""`'%(name)s' % row` as a function of the row, for templates that are used often.

Theory. Formatting by a mapping looks up the keys from left to right and formats each
value by itself, so a template is a list of pieces, keys and conversions; a function of
Python that does these steps in this order gives the same text, calls the app's methods
in the same order and raises the same errors. It is made for the plainest templates
alone: each conversion has a key without parentheses, no `*`, and a letter that `%` of
one value takes. Everything else, every row that is not exactly a dict, and a template
that was used less than USES times, goes the plain way. The property test
tests/python27/test_templates.py compares both ways.

The function is compiled from source: constants stand in it as `ascii()` writes them,
so a template cannot say anything but text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, Final

from channelshim.python27.strings import to_text

USES: Final = 50
"""Formats until a template gets its function: making one costs as much as 200."""

MOST_CONVERSIONS: Final = 50
"""A longer template gains little and would take long to compile."""

_FILE: Final = os.path.join(os.path.dirname(__file__), "<template>")
"""In our folder, so that tracebacks of the app leave the frame out."""

_CONVERSION: Final = (
    r"%(?:(%)|\(([^()]*)\)([-#0 +]*\d*(?:\.\d*)?)[hlL]?([sdiouxXeEfFgGcr]))"
)


def make_fill(
    template: str, text: Callable[[Any], str]
) -> Callable[[dict[Any, Any]], str] | None:
    """Return what formats a dict by a template; None where only the plain way will do.

    Args:
        template: exactly a str.
        text: returns what `%s` writes for a value, exactly a str.
    """
    lines = ["def fill(row):"]
    pieces = []
    end = count = 0
    for found in re.finditer(_CONVERSION, template):
        between = template[end : found.start()]
        end = found.end()
        if "%" in between:
            return None
        pieces.append(_literal(between))
        if found[1]:
            pieces.append("%")
            continue
        name = f"v{count}"
        count += 1
        lines.append(f" {name} = row[{found[2]!a}]")
        lines += _converted(name, found[3], found[4])
        pieces.append("{" + name + "}")
    if "%" in template[end:] or not 0 < count <= MOST_CONVERSIONS:
        return None
    pieces.append(_literal(template[end:]))
    lines.append(f" return f{''.join(pieces)!a}")
    names: dict[str, Any] = {"text": text, "character": character}
    names.update(str=str, int=int, float=float)
    exec(compile("\n".join(lines), _FILE, "exec", dont_inherit=True), names)
    fill: Callable[[dict[Any, Any]], str] = names["fill"]
    return fill


def character(value: Any) -> Any:
    """Return a value for `%c`, which takes a byte too."""
    if isinstance(value, bytes) and len(value) == 1:
        return to_text(value)
    return value


def _literal(text: str) -> str:
    """Return text as it stands in an f-string, but for escapes."""
    return text.replace("{", "{{").replace("}", "}}")


def _converted(name: str, form: str, letter: str) -> list[str]:
    """Return the lines that make a value text, or leave an int to the f-string."""
    if letter == "s":
        lines = [
            f" if {name}.__class__ is not str:",
            # 12 digits, and ".0" where 2.7 wrote it; tests/python27/test_floats.py.
            f"  if {name}.__class__ is float: {name} = f'{{{name}:.12}}'",
            f"  else: {name} = text({name})",
        ]
        return lines + ([f" {name} = {f'%{form}s'!a} % ({name},)"] if form else [])
    value = f"character({name})" if letter == "c" else name
    change = f"{name} = {f'%{form}{letter}'!a} % ({value},)"
    if letter == "d" and not form:
        return [f" if {name}.__class__ is not int: {change}"]
    return [f" {change}"]
