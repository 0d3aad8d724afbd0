"""The request body: bytes that format as the text which Python 2.7 saw.

`'%s: %s' % (nickname, self.request.body)` must give text, and a binary upload must
stay whole: hence bytes whose text form is their UTF-8 reading (base-sdk 5).
"""

from __future__ import annotations


class RequestBody(bytes):
    """Bytes whose str() is their text, undecodable bytes replaced."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.decode("utf-8", "replace")

    def __format__(self, specification: str) -> str:
        return format(str(self), specification)

    def __html__(self) -> str:
        """Return the text escaped, for templates with autoescape."""
        from markupsafe import escape

        return str(escape(str(self)))

    def __add__(self, other: object) -> bytes | str:  # type: ignore[override]
        if isinstance(other, str):
            return str(self) + other
        return bytes.__add__(self, other)  # type: ignore[operator]

    def __radd__(self, other: object) -> str:
        if isinstance(other, str):
            return other + str(self)
        return NotImplemented

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return str(self) == other
        return bytes.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        # Python 2.7 had one hash for equal ASCII text and bytes; so has Python 3
        # (str and bytes hash alike when ASCII, PEP 456), which makes dict look-ups by
        # body find text keys.
        return bytes.__hash__(self)

    def __contains__(self, item: object) -> bool:
        if isinstance(item, str):
            return item in str(self)
        return bytes.__contains__(self, item)  # type: ignore[operator]
