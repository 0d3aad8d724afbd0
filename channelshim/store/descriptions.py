"""What a store holds, in words."""

from __future__ import annotations

from collections.abc import Mapping


def describe(summary: Mapping[tuple[str, str], int]) -> str:
    """Return a summary in words: "3 entities (Account 1, Chat 2 in 'staff')"."""
    named = [
        f"{kind} {count}" + (f" in {namespace!r}" if namespace else "")
        for (namespace, kind), count in sorted(summary.items())
    ]
    total = sum(summary.values())
    return f"{total} entit{'y' if total == 1 else 'ies'} ({', '.join(named) or 'none'})"
