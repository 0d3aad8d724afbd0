"""Who may use the console: what is looked at before any page.

The console can read and change everything, so it answers this machine alone, under
this machine's own names, to its own pages:

- another site's page can send a form here, or point a name of its own at this machine
  and read the answer: Host, the browser's word on where a request comes from, and a
  token in each form stand against it;
- a proxy on this machine would bring requests of others: what was forwarded is refused;
- beyond this machine it answers administrators by a login that asks for proof, and is
  not started without one (composition/console.py).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from channelshim.appserver.hosts import HostRule, is_loopback_address
from channelshim.appserver.request_urls import is_from_another_site
from channelshim.contracts.identity import Login

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_FORWARDED: Final = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_VIA",
    "HTTP_X_REAL_IP",
)

_METHODS: Final = frozenset({"GET", "HEAD", "POST"})

_FORM: Final = b"a form of the console"


class Forms:
    """Makes and knows the token that each form carries.

    Pages of other sites cannot read it. The same after a restart, so that a page that
    was open goes on.

    Args:
        secrets: oldest first; the last signs, all verify.
    """

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._tokens = [
            hmac.new(secret, _FORM, hashlib.sha256).hexdigest() for secret in secrets
        ]

    def token(self) -> str:
        """Return the token for a form."""
        return self._tokens[-1]

    def is_own(self, token: str) -> bool:
        """Return whether a form has come with a token of ours."""
        sent = token.encode("utf-8", "backslashreplace")
        return any(
            hmac.compare_digest(sent, known.encode("ascii")) for known in self._tokens
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered.

    Attributes:
        status: of the answer.
        sentence: what is wrong, and what to do.
        login_path: where an administrator can log in at the app, or "".
    """

    status: HTTPStatus
    sentence: str
    login_path: str = ""


class Checks:
    """Looks at each request before a page does.

    Args:
        hosts: what Host may say.
        login: who is an administrator; None where only this machine gets here.
    """

    def __init__(self, hosts: HostRule, login: Login | None) -> None:
        self._hosts = hosts
        self._login = login

    def refusal(self, environ: WSGIEnvironment) -> Refusal | None:
        """Return why a request is not answered, or None."""
        host = str(environ.get("HTTP_HOST", ""))
        sentence = self._hosts.refusal(host, str(environ.get("REMOTE_ADDR", "")))
        if sentence or not host:
            return Refusal(
                HTTPStatus.BAD_REQUEST,
                sentence or "The request names no host; HTTP/1.1 has a Host header.",
            )
        if not _is_utf8(str(environ.get("PATH_INFO", ""))):
            return Refusal(HTTPStatus.BAD_REQUEST, "The address is not UTF-8.")
        method = environ.get("REQUEST_METHOD")
        if method not in _METHODS:
            return Refusal(
                HTTPStatus.METHOD_NOT_ALLOWED, "The console takes GET and POST."
            )
        if method == "POST" and is_from_another_site(environ):
            return Refusal(
                HTTPStatus.FORBIDDEN, "The console takes forms of its own pages only."
            )
        if not _is_opened_or_own(environ):
            return Refusal(
                HTTPStatus.FORBIDDEN, "The console is no part of other sites' pages."
            )
        return self._who(environ)

    def _who(self, environ: WSGIEnvironment) -> Refusal | None:
        if self._login is not None:
            return _not_admin(self._login, environ)
        is_near = is_loopback_address(str(environ.get("REMOTE_ADDR", "")))
        if is_near and not any(name in environ for name in _FORWARDED):
            return None
        return Refusal(
            HTTPStatus.FORBIDDEN,
            "The console answers this machine only, and nothing that a proxy has "
            "forwarded: reach it with ssh -L, or serve it with a login that asks for "
            "a password.",
        )


def _is_opened_or_own(environ: WSGIEnvironment) -> bool:
    """Return whether no other site's page asks by itself, as for a picture or a frame.

    It could not read the answer, but some take long to make. A link may lead here.
    """
    mode = environ.get("HTTP_SEC_FETCH_MODE")
    if mode is None or not is_from_another_site(environ):
        return True
    return mode == "navigate" and environ.get("HTTP_SEC_FETCH_DEST") == "document"


def _is_utf8(native: str) -> bool:
    """Return whether a text of WSGI, its bytes as characters, is UTF-8."""
    try:
        native.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return False
    return True


def _not_admin(login: Login, environ: WSGIEnvironment) -> Refusal | None:
    user = login.user(environ)
    if user is not None and user.is_admin:
        return None
    sentence = (
        "The console is for administrators: log in."
        if user is None
        else f"{user.email} is no administrator."
    )
    return Refusal(HTTPStatus.UNAUTHORIZED, sentence, login.login_url("/"))
