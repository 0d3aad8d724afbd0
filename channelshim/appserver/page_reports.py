"""Presence that a page reports about itself, where a setting allows it.

Some apps post `disconnected` from their own page, to make up for presence that came
late. Believed from anybody, that would let everybody evict everybody, so a page may
only speak for the client id that its login or its token proves: D6 of
docs/explanation/differences.md.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from channelshim import limits
from channelshim.contracts.clock import Clock
from channelshim.contracts.identity import User
from channelshim.errors import TokenError
from channelshim.protocol.tokens import TokenSigner, client_id_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MAXIMUM_PAGE_REPORT_BYTES: Final = 4096
"""Body of a page's report about itself: an id and a token need a tenth of it."""


class PageReports:
    """Decides whether a page may say that a client id is gone.

    Args:
        tokens: verifies what the page brings.
        clock: the time.
    """

    def __init__(self, tokens: TokenSigner, clock: Clock) -> None:
        self._tokens = tokens
        self._clock = clock

    def admits(self, environ: WSGIEnvironment, user: User | None) -> bool:
        """Return whether the request is a page's report about its own id.

        Reads the body of such a request, and puts it back for the app.

        Args:
            environ: of a request from outside.
            user: who is logged in there, or None.
        """
        if (
            environ.get("REQUEST_METHOD") != "POST"
            or environ.get("PATH_INFO") != limits.PATH_DISCONNECTED
            or environ.get("QUERY_STRING")
            or not _is_form(environ)
        ):
            return False
        body = _small_body(environ)
        if body is None:
            return False
        try:
            text = body.decode("ascii")
            form = parse_qs(text, errors="surrogateescape", max_num_fields=16)
        except ValueError:
            return False
        # One reading only: which of two an app would take is its framework's affair.
        if len(form.get("from", [])) != 1:
            return False
        client_id = form["from"][0]
        return client_id in _names(user) or any(
            self._opens(token, client_id) for token in form.get("token", [])
        )

    def _opens(self, token: str, client_id: str) -> bool:
        try:
            claims = self._tokens.verify(token, self._clock.time())
        except TokenError:
            return False
        return client_id_bytes(claims.client_id) == client_id_bytes(client_id)


def _names(user: User | None) -> tuple[str, ...]:
    """Return the client ids that are a user's beyond doubt."""
    return () if user is None else (user.user_id, user.email)


def _is_form(environ: WSGIEnvironment) -> bool:
    """Return whether an app reads the body as we do.

    A multipart body can hold another `from` for the app than for us, and so can a
    query, quoted.
    """
    content_type = str(environ.get("CONTENT_TYPE", "")).partition(";")[0]
    return content_type.strip().lower() == "application/x-www-form-urlencoded"


def _small_body(environ: WSGIEnvironment) -> bytes | None:
    length = str(environ.get("CONTENT_LENGTH") or "")
    if not length.isascii() or not length.isdigit():
        return None
    if int(length) > MAXIMUM_PAGE_REPORT_BYTES:
        return None
    body: bytes = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = io.BytesIO(body)
    return body
