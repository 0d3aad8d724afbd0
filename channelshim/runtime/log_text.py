"""Text from outside on its way into a log.

A line break would begin a line that nobody has logged, and an escape sequence is an
order to the terminal that shows the log.
"""

from __future__ import annotations

import re
from typing import Final

CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROLS_BUT_TABS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")

_INDENT: Final = "    "

_TRACE_PARTS: Final = 4


def one_line(text: object) -> str:
    """Return text without control characters: each is written as in a literal."""
    return CONTROLS.sub(_escaped, str(text))


def block(text: str) -> str:
    """Return the text of a whole record: line breaks stay, further lines are indented.

    So what somebody has written behind a line break cannot be taken for a record, and a
    traceback can still be read.
    """
    lines = [_CONTROLS_BUT_TABS.sub(_escaped, line) for line in text.split("\n")]
    return f"\n{_INDENT}".join(lines)


def _escaped(control: re.Match[str]) -> str:
    return control[0].encode("unicode_escape").decode("ascii")


def names_of(request_id: str, trace: str) -> dict[str, str]:
    """Return the fields that name a request.

    Args:
        request_id: its id; "" for none.
        trace: its traceparent (W3C Trace Context), checked; "" for none.
    """
    found = {"request_id": request_id} if request_id else {}
    parts = trace.split("-")
    if len(parts) >= _TRACE_PARTS:
        found.update(trace_id=parts[1], parent_id=parts[2])
    return found
