"""Why a request is refused by its head alone."""

from __future__ import annotations

from typing import ClassVar, Final

BAD_REQUEST: Final = "400 Bad Request"
NOT_IMPLEMENTED: Final = "501 Not Implemented"


class RefusedHead(Exception):
    """Raised through the parser, whose own error then has it as its context.

    Attributes:
        status_line: code and phrase of the answer.
    """

    status_line: ClassVar[str] = BAD_REQUEST


class HeadersTooLong(RefusedHead):
    """More header bytes than MAXIMUM_HEADER_BYTES."""

    status_line = "431 Request Header Fields Too Large"


class UnknownCoding(RefusedHead):
    """A body in another coding than chunks (RFC 9112, 6.1)."""

    status_line = NOT_IMPLEMENTED


class UnknownVersion(RefusedHead):
    """A version with other rules than those of HTTP/1 (RFC 9110, 2.5)."""

    status_line = "505 HTTP Version Not Supported"


class NotOneHost(RefusedHead):
    """A request of HTTP/1.1 must name one host (RFC 9112, 3.2)."""


class BadTarget(RefusedHead):
    """A target without a path."""


class CutBody(RefusedHead):
    """The parser has ended a request before its body."""


class Overtaking(RefusedHead):
    """The parser has read a request before the one in hand was answered."""
