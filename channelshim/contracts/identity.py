"""Who makes a request, and the ways to find out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LOGIN_SECONDS: Final = 14 * 86400
"""A login is good so long, as Django's sessions are: the original's was for ever,
whoever had a copy of its cookie."""


@dataclass(frozen=True, slots=True)
class User:
    """Who makes a request.

    Attributes:
        email: as typed at login, case kept; holds an "@".
        is_admin: what users.is_current_user_admin() answers.
        user_id: 21 digits; see `user_id_of`.
    """

    email: str
    is_admin: bool
    user_id: str


def user_id_of(email: str) -> str:
    """Return the user id that the old dev server made from an email.

    A 1, and the first 20 characters of the MD5 of the lower-cased email, each byte
    written decimal with at least two digits. The datastore stub stores the same.

    Source: the datastore stub of SDK 1.9.88, SynthesizeUserId.
    """
    digest = hashlib.md5(email.lower().encode("utf-8"), usedforsecurity=False)
    return "1" + "".join(f"{byte:02d}" for byte in digest.digest())[:20]


def folded(email: str) -> str:
    """Return an email in the form in which two are compared: without case."""
    return email.casefold()


class Login(Protocol):
    """A way to log in: its pages, and who a request comes from.

    Called as a WSGI application for the requests whose path is one of `paths`. Any
    thread.

    Attributes:
        paths: of its own pages, such as /_ah/login.
        asks_no_proof: whether anybody can be anybody: then only this machine may
            reach the pages, and is believed.
    """

    @property
    def paths(self) -> frozenset[str]: ...

    @property
    def asks_no_proof(self) -> bool: ...

    def user(self, environ: WSGIEnvironment) -> User | None:
        """Return who makes a request, or None for nobody."""

    def login_url(self, destination: str) -> str:
        """Return the path of the page that logs in and goes on to destination.

        Args:
            destination: an absolute URL, or a path.
        """

    def logout_url(self, destination: str) -> str:
        """Return the path of the page that logs out and goes on to destination."""

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request for one of its pages."""
