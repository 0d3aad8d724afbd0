"""Headers of incoming mail, joined as Python 2.7's email package had them split."""

from __future__ import annotations

import codecs
import email.header
from collections.abc import Iterator
from typing import Any


def join_as_before(mail: Any) -> None:
    """Have google.appengine.api.mail put one blank between the parts of a header.

    It puts one there itself; Python 2.7 stripped the parts that are not encoded, and
    Python 3 leaves them their blanks.

    Source: SDK 1.9.88, api/mail.py, and CPython 2.7.18, email/header.py.
    """

    before = mail._decode_and_join_header

    def join(header: str | None, separator: str = " ") -> str | None:
        # A subject's parts are put together without one, and keep theirs.
        if not header or not separator:
            return before(header, separator)  # type: ignore[no-any-return]
        return separator.join(_decoded(header))

    mail._decode_and_join_header = join


def _decoded(header: str) -> Iterator[str]:
    for part, charset in email.header.decode_header(header):
        if isinstance(part, str):
            yield part
        elif charset is not None:
            yield codecs.decode(part, charset, "replace")
        elif stripped := part.strip():
            yield codecs.decode(stripped, "us-ascii", "replace")
