"""Who has logged in, and a button to be one of them."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from webob import Request

from channelshim import limits
from channelshim.console.page import PageHandler, Refused
from channelshim.contracts.identity import User
from channelshim.services.admin.texts import clean


class UsersPage(PageHandler):
    """The accounts that were seen, latest first."""

    template: ClassVar[str] = "users.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        own = self._current()
        wanted = self.text("find").strip().lower()
        accounts = (
            {
                "email": clean(account.user.email),
                "user_id": account.user.user_id,
                "is_admin": account.user.is_admin,
                "seen_at": account.seen_at,
            }
            for account in self.sources.store.accounts.all()
            if wanted in account.user.email.lower()
        )
        return {
            "accounts": self.part(accounts),
            "find": self.text("find"),
            "can_log_in": self.sources.login.asks_no_proof,
            "current": None if own is None else own.email,
            "is_admin": own is not None and own.is_admin,
        }

    def do_log_in(self, **names: str) -> str:
        """Be somebody, with the development login alone."""
        email = self.text("email").strip()
        if "@" not in email:
            raise Refused("An email has an @.")
        asked = {"email": email, "action": "Login", "continue": "/"}
        if self.text("admin"):
            asked["admin"] = "True"
        self._ask_login(limits.PATH_LOGIN, asked)
        role = ", an administrator" if self.text("admin") else ""
        return f"In this browser you are {email}{role}: the app sees it from now on."

    def do_log_out(self, **names: str) -> str:
        """Be nobody."""
        self._ask_login(limits.PATH_LOGOUT, {"continue": "/"})
        return "In this browser you are nobody now."

    def _ask_login(self, path: str, asked: dict[str, str]) -> None:
        """Have the login answer as it would at its page, and hand its cookie on.

        Cookies know names of hosts and no ports: the app's are this console's too,
        where both are reached by one name.
        """
        login = self.sources.login
        if not login.asks_no_proof:
            raise Refused(
                "Only the development login lets one be anybody: this one asks for "
                "proof."
            )
        own = urlsplit(self.sources.app.url)
        environ = Request.blank(f"{path}?{urlencode(asked)}", base_url=own.geturl())
        environ.headers["Cookie"] = self.request.headers.get("Cookie", "")
        answer = environ.get_response(login)
        cookies = answer.headers.getall("Set-Cookie")
        if not cookies:
            raise Refused("The login refuses this email.")
        for cookie in cookies:
            self.response.headers.add("Set-Cookie", cookie)

    def _current(self) -> User | None:
        login = self.sources.login
        user: User | None = login.user(self.request.environ)
        return user
