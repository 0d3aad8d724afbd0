"""What the pages of all real logins have in common: headers, forms, where to go on."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlsplit

# webapp2 asks when it is first imported; see compat.installer.
os.environ.setdefault("APPENGINE_RUNTIME", "python27")

import webapp2

from channelshim import limits
from channelshim.appserver.login.sessions import Sessions
from channelshim.appserver.request_urls import (
    is_from_another_site,
    safe_destination,
)
from channelshim.appserver.response_rules import NO_SNIFFING
from channelshim.contracts.identity import User
from channelshim.pages import templates

LONGEST_FORM_BYTES: Final = 16384
"""A name and a password have far less."""

_HEADERS: Final = (
    NO_SNIFFING,
    ("Cache-Control", "no-store"),
    ("X-Frame-Options", "DENY"),
    # A page that sends no Referer sends no Origin that says anything either.
    ("Referrer-Policy", "same-origin"),
)


def url_of(path: str, destination: str) -> str:
    """Return the path of a page that goes on to destination."""
    return f"{path}?continue={quote(destination)}"


class LoginPage(webapp2.RequestHandler):  # type: ignore[misc]
    """A page of a login."""

    def dispatch(self) -> None:
        """Answer, and say of each answer what holds for all of them."""
        for name, value in _HEADERS:
            self.response.headers[name] = value
        super().dispatch()

    def handle_exception(self, exception: BaseException, debug: bool) -> None:
        """Answer 400 to a query or a form that is not UTF-8, read when asked."""
        if not isinstance(exception, UnicodeDecodeError):
            super().handle_exception(exception, debug)
        self.response.status = HTTPStatus.BAD_REQUEST
        self.response.headers["Content-Type"] = "text/plain; charset=utf-8"
        self.response.write("The query or the form is no UTF-8.\n")

    @property
    def sessions(self) -> Sessions:
        """Who is logged in."""
        found: Sessions = self.app.registry["sessions"]
        return found

    def destination(self, fields: Any) -> str:
        """Return where to go on, of this server's own.

        Args:
            fields: of a query or a form, with "continue" or without.
        """
        return safe_destination(fields.get("continue", ""), self.request.host)

    def own_url(self, path: str) -> str:
        """Return the URL of a path of the login's own."""
        return str(self.request.host_url + self.request.script_name + path)

    def set_note(self, name: str, value: str, seconds: int, *, same_site: str) -> None:
        """Set a cookie that the login's pages alone get.

        Args:
            name: of the cookie.
            value: as written by Notes.
            seconds: until the browser forgets it; 0 removes it.
            same_site: its attribute.
        """
        environ = self.request.environ
        secure = "; Secure" if environ.get("wsgi.url_scheme") == "https" else ""
        path = quote(self.request.script_name) + limits.PATH_LOGIN
        self.response.headers.add(
            "Set-Cookie",
            f"{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; "
            f"SameSite={same_site}{secure}",
        )

    def go_on(self, destination: str) -> None:
        """Redirect, by GET whatever the request was."""
        self.response.status = HTTPStatus.SEE_OTHER
        self.response.headers["Location"] = (
            self.request.host_url + destination
            if destination.startswith("/")
            else destination
        )

    def take_form(self) -> bool:
        """Return whether a form may be read: a page of our own has sent it.

        A browser says with each form from which page it comes. What does not say it is
        no browser that anybody looks at.
        """
        environ = self.request.environ
        says_where_from = any(
            environ.get(name)
            for name in ("HTTP_SEC_FETCH_SITE", "HTTP_ORIGIN", "HTTP_REFERER")
        )
        if not says_where_from or is_from_another_site(environ):
            self.explain(
                HTTPStatus.FORBIDDEN,
                "Not taken",
                "The form has not come from a page of this server. Open it again, and "
                "send it from there.",
            )
            return False
        # A browser says how long its form is; what does not may have no end.
        length = str(environ.get("CONTENT_LENGTH", ""))
        kind = str(environ.get("CONTENT_TYPE", "")).partition(";")[0].strip().lower()
        is_short = (
            length.isdecimal() and len(length) < 9 and int(length) <= LONGEST_FORM_BYTES
        )
        # WebOb raises for a form that names another charset.
        is_form = (
            kind == "application/x-www-form-urlencoded"
            and self.request.charset == "UTF-8"
        )
        if not is_short or not is_form:
            self.explain(HTTPStatus.BAD_REQUEST, "Not taken", "That is no login form.")
            return False
        return True

    def explain(
        self, status: HTTPStatus, title: str, sentence: str, link: str = ""
    ) -> None:
        """Show a page with a sentence for the visitor.

        Args:
            status: of the answer.
            title: of the page.
            sentence: gives nothing away of the server's inside.
            link: where to try again, or "".
        """
        self.response.status = status
        self.response.write(
            templates.render(
                "login_message.html", title=title, sentence=sentence, link=link
            )
        )

    def show_logout(self, user: User, destination: str) -> None:
        """Show a button that logs out: a page of another site may have led here."""
        self.response.write(
            templates.render(
                "logout.html",
                action=self.own_url(limits.PATH_LOGOUT),
                email=user.email,
                destination=destination,
            )
        )


class LogoutPage(LoginPage):
    """Logs out and goes on."""

    def get(self) -> None:
        """Log out, where a page of ours leads here; a button for others."""
        destination = self.destination(self.request.GET)
        user = self.sessions.user(self.request.environ)
        if user is not None and is_from_another_site(self.request.environ):
            self.show_logout(user, destination)
            return
        self.log_out(destination)

    def post(self) -> None:
        """Log out: the button was pressed."""
        if self.take_form():
            self.log_out(self.destination(self.request.POST))

    def log_out(self, destination: str) -> None:
        """End the login, and go on."""
        cookie = self.sessions.clear(self.request.environ)
        self.response.headers.add("Set-Cookie", cookie)
        self.go_on(destination)


def path_of(destination: str) -> str:
    """Return the path and query of a destination that `safe_destination` has let by."""
    parts = urlsplit(destination)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.path or '/'}{query}"
