"""locale: format, which Python 3.12 dropped."""

from __future__ import annotations

import locale
from typing import Any

__all__ = ["format"]


def format(
    percent: Any, value: Any, grouping: Any = False, monetary: Any = False, *extra: Any
) -> str:
    """Write a number by the locale."""
    values = (value, *extra) if extra else value
    return locale.format_string(percent, values, bool(grouping), bool(monetary))
