"""Matches as Python 2.7's re gave them, on text and on bytes; see re_27."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from channelshim.python27.stdlib.re_sources import template_source
from channelshim.python27.strings import NativeStr, to_bytes, to_text

if TYPE_CHECKING:
    from channelshim.python27.stdlib.re_27 import Pattern


class Match:
    """One match; its strings are of the subject's kind."""

    __slots__ = ("_found", "_pattern", "_string")

    def __init__(self, pattern: Pattern, found: Any, string: Any) -> None:
        self._pattern = pattern
        self._found = found
        self._string = string

    @property
    def re(self) -> Pattern:
        """The pattern."""
        return self._pattern

    @property
    def string(self) -> Any:
        """The subject."""
        return self._string

    def group(self, *groups: Any) -> Any:
        """Return the text of groups."""
        answer = self._found.group(*map(_group, groups))
        return answer if isinstance(self._string, str) else native(answer)

    def groups(self, default: Any = None) -> Any:
        """Return the texts of all groups."""
        answer = self._found.groups(default)
        return answer if isinstance(self._string, str) else native(answer)

    def groupdict(self, default: Any = None) -> Any:
        """Return the texts of the named groups."""
        answer = self._found.groupdict(default)
        if isinstance(self._string, str):
            return answer
        return {key: native(value) for key, value in answer.items()}

    def expand(self, template: Any) -> Any:
        """Fill the groups into a template."""
        kind = to_text if isinstance(self._string, str) else to_bytes
        return native(self._found.expand(kind(template_source(template))))

    def start(self, group: Any = 0) -> Any:
        """Return where a group begins."""
        return self._found.start(_group(group))

    def end(self, group: Any = 0) -> Any:
        """Return where a group ends."""
        return self._found.end(_group(group))

    def span(self, group: Any = 0) -> Any:
        """Return where a group begins and ends."""
        return self._found.span(_group(group))

    @property
    def pos(self) -> int:
        """Where the search began."""
        return int(self._found.pos)

    @property
    def endpos(self) -> int:
        """Where the search ended."""
        return int(self._found.endpos)

    @property
    def lastindex(self) -> Any:
        """The number of the last group that matched."""
        return self._found.lastindex

    @property
    def lastgroup(self) -> Any:
        """The name of the last group that matched."""
        return self._found.lastgroup

    @property
    def regs(self) -> Any:
        """The spans of all groups."""
        return self._found.regs

    def __copy__(self) -> Any:
        raise TypeError("cannot copy this match object")

    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("cannot deepcopy this match object")

    def __repr__(self) -> str:
        return f"<_sre.SRE_Match object at {id(self):#x}>"


def _group(group: Any) -> Any:
    return to_text(group) if isinstance(group, bytes) else group


def native(value: Any) -> Any:
    """Return a result with its bytes as Python 2.7's strings."""
    if isinstance(value, bytes):
        return NativeStr(value)
    if isinstance(value, (tuple, list)):
        return type(value)(map(native, value))
    return value
