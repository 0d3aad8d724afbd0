"""Somebody with the plainest of browsers: cookies, redirects, no JavaScript."""

from __future__ import annotations

import http.cookiejar
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

from tests.lanes import timeout_factor

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """What came back; url is where redirects have led."""

    status: int
    text: str
    url: str


class Visitor:
    """One person.

    Args:
        url: of the server, without a slash at the end.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def log_in(self, email: str = "ann@example.com") -> None:
        """Log in as the form of the login page would."""
        query = {"email": email, "action": "Login", "continue": "/_ah/login"}
        self.ask(f"/_ah/login?{urllib.parse.urlencode(query)}")

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """GET path, or POST body to it; a header's dashes are underscores here."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self._url + path, body, sent)
        try:
            answer = self._opener.open(
                request, timeout=PATIENCE_SECONDS * timeout_factor()
            )
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = answer.read().decode("utf-8")
            return Answer(int(answer.status), text, answer.geturl())
