"""Somebody who uses an app through a proxy: a login, a page, its channel."""

from __future__ import annotations

import re
import urllib.parse

from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.typing import Origin

from tests.deploy.fronts import Answer, Front
from tests.lanes import timeout_factor
from tests.lines import connect

PASSWORD = "correct horse battery"
ANN = "ann@example.com"


class Person:
    """One person with a browser.

    Args:
        front: what he or she reaches.
    """

    def __init__(self, front: Front) -> None:
        self._front = front
        self._cookie = ""

    def log_in(self, password: str = PASSWORD) -> Answer:
        """Send the login form."""
        fields = {"email": ANN, "password": password, "continue": "/"}
        answer = self.ask(
            "/_ah/login",
            urllib.parse.urlencode(fields),
            {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": self._front.origin,
                "Sec-Fetch-Site": "same-origin",
            },
        )
        # The login's, and one by which the browser is known.
        cookies = answer.headers.get_all("Set-Cookie") or []
        self._cookie = "; ".join(each.partition(";")[0] for each in cookies)
        return answer

    def ask(
        self,
        path: str,
        body: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """GET path, or POST body to it, with the cookie."""
        cookie = {"Cookie": self._cookie} if self._cookie else {}
        return self._front.ask(path, body, {**(headers or {}), **cookie})

    def token(self) -> str:
        """Return the channel token of the tutorial's page."""
        page = self.ask("/").text
        found = re.search(r"Channel\('([^']+)'\)", page)
        assert found, page
        return found[1]

    def listen(self, tries: int = 3) -> ClientConnection:
        """Open a channel by a WebSocket.

        The client reads in one thread and writes in another, of one SSL object that has
        no lock before Python 3.13: now and then its request is never sent.
        """
        try:
            return self._connect()
        except InvalidStatus as refusal:
            if refusal.response.status_code != 408 or tries == 1:
                raise
            return self.listen(tries - 1)

    def _connect(self) -> ClientConnection:
        front = self._front
        address = f"{front.domain}:{front.https_port}"
        return connect(
            f"wss://{address}/_ah/channel/socket?token={self.token()}",
            sock=front.connect(),
            ssl=front.tls,
            server_hostname=front.domain,
            origin=Origin(front.origin),
            open_timeout=30 * timeout_factor(),
        )
