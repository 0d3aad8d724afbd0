"""What every page of the console is: facts for a GET, actions for POSTs.

A page answers its facts as HTML, or as JSON where that is asked for. An action changes
something, and sends the browser back to the page with a message.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import date
from enum import Enum
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, TypeVar
from urllib.parse import parse_qs, urlencode

# webapp2 asks when it is first imported; see compat.installer.
os.environ.setdefault("APPENGINE_RUNTIME", "python27")

import webapp2

from channelshim.console.checks import Forms
from channelshim.console.menu import GROUPS, PAGES
from channelshim.console.messages import Messages
from channelshim.console.sources import Sources
from channelshim.errors import ChannelShimError
from channelshim.pages.templates import Templates
from channelshim.runtime.log_text import one_line

_logger: Final = logging.getLogger("channelshim.console")

T = TypeVar("T")

ROWS: Final = 50
"""Rows of a list, where nothing else is asked for."""

MOST_ROWS: Final = 500
"""Rows of a list at most."""

MOST_SKIPPED: Final = 1_000_000
"""How far a list by numbers can be paged: each page reads all that lies before it."""

FURTHER_SECURITY: Final = "X-Console-Security"
"""Carries content_security to the application, which sends one policy."""

DOCUMENT_SECURITY: Final = "X-Console-Document"
"""Carries the whole policy of somebody else's document, a frame in a page of ours."""

_MESSAGE: Final = re.compile(r"message=")
_ACTION: Final = re.compile(r"[a-z][a-z_]{0,40}")


NO_THREAD: Final = "The system has no thread to give: try again later."


class Refused(Exception):
    """Something that the person asked for cannot be done.

    Args:
        sentence: what is wrong, and what to do.
        status: of the answer.
    """

    def __init__(
        self, sentence: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST
    ) -> None:
        super().__init__(sentence)
        self.sentence: str = sentence
        self.status: HTTPStatus = status


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """Some rows of a list.

    Attributes:
        rows: at most `limit`.
        offset: how many rows are before them.
        limit: how many were asked for.
        has_more: whether others follow.
    """

    rows: Sequence[T]
    offset: int
    limit: int
    has_more: bool


def part_of(rows: Iterable[T], offset: int, limit: int) -> Part[T]:
    """Return some rows of a list that may be endless.

    Args:
        rows: all of them; read as far as needed.
        offset: how many to skip.
        limit: how many to take.
    """
    found = list(islice(rows, offset, offset + limit + 1))
    return Part(found[:limit], offset, limit, len(found) > limit)


class PageHandler(webapp2.RequestHandler):  # type: ignore[misc]
    """A page of the console; a subclass has a template, facts, and actions.

    Attributes:
        template: of templates/, extending base.html.
        title: on the page; "" for that of the menu.
        content_security: directives of Content-Security-Policy beside those of every
            page: "frame-src 'self'" for example.
    """

    template: ClassVar[str] = ""
    title: ClassVar[str] = ""
    content_security: ClassVar[str] = ""

    # Whether an action has answered by itself.
    _is_done = False

    # --- What a page has ----------------------------------------------------------

    def facts(self, **names: str) -> dict[str, Any]:
        """Return what the page shows: what JSON can say, records and times included.

        Args:
            **names: parts of the path.

        Raises:
            Refused: there is no such thing.
        """
        raise NotImplementedError

    # Each action is a method `do_NAME(self, **names) -> str`: it changes something and
    # returns the message, or raises Refused.

    # --- What it can ask ----------------------------------------------------------

    @property
    def sources(self) -> Sources:
        """Return what pages read and change."""
        sources: Sources = self.app.registry["sources"]
        return sources

    @property
    def wants_json(self) -> bool:
        """Return whether the answer is to be JSON: by ?format=json, or by Accept."""
        wanted = self.query("format")
        if wanted:
            return wanted == "json"
        accepted = self.request.headers.get("Accept", "")
        return "application/json" in accepted and "text/html" not in accepted

    def text(self, name: str, default: str = "") -> str:
        """Return a parameter: of the form for a POST, else of the query."""
        values = self.request.POST if self.is_post else self.request.GET
        value = values.get(name, default)
        if not isinstance(value, str):
            raise Refused(f"{name} must be text, not a file.")
        return value

    def query(self, name: str, default: str = "") -> str:
        """Return a parameter of the address, of a form's address too.

        Client ids need not be UTF-8: what is not comes as lone surrogates.
        """
        found = parse_qs(
            self.request.query_string, keep_blank_values=True, errors="surrogateescape"
        )
        value: str = found.get(name, [default])[-1]
        return value

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """Return a parameter as a whole number within bounds.

        Raises:
            Refused: it is not one.
        """
        text = self.text(name).strip()
        if not text:
            return default
        # A longer one would cost time, and is out of bounds.
        if re.fullmatch(r"-?\d{1,18}", text, re.A) is None:
            raise Refused(f"{name} must be a whole number, not {text[:40]!r}.")
        value = int(text)
        if not low <= value <= high:
            raise Refused(f"{name} must be from {low} to {high}, not {value}.")
        return value

    def part(self, rows: Iterable[T]) -> Part[T]:
        """Return the rows that the query asks for by `offset` and `limit`."""
        offset = self.number("offset", 0, 0, MOST_SKIPPED)
        return part_of(rows, offset, self.number("limit", ROWS, 1, MOST_ROWS))

    @property
    def is_post(self) -> bool:
        """Return whether something is to be changed."""
        return bool(self.request.method == "POST")

    # --- The two methods of HTTP --------------------------------------------------

    def initialize(self, request: Any, response: Any) -> None:
        """See webapp2.RequestHandler."""
        super().initialize(request, response)
        # webapp2 knows one application in a thread: when a page has the app answer,
        # which may be webapp2 as well, its own way to ours is lost.
        self.app = request.app

    def dispatch(self) -> None:
        """Answer, whatever is wrong with the request."""
        try:
            super().dispatch()
        except (Refused, ChannelShimError) as error:
            self.refuse(error)
        except UnicodeDecodeError:
            # webob reads the query when it is asked.
            self.refuse(Refused("The query or the form is not UTF-8."))

    def get(self, **names: str) -> None:
        """Show the page."""
        self.show(self.facts(**names))

    def head(self, **names: str) -> None:
        """Answer as to GET; the server leaves the body out."""
        self.get(**names)

    def post(self, **names: str) -> None:
        """Do what the form asks for, and send the browser back to the page."""
        forms: Forms = self.app.registry["forms"]
        sent = self.request.headers.get("X-Console-Token") or self.text("token")
        if not forms.is_own(sent):
            raise Refused(
                "The form is not of this console, or of an earlier one: load the page "
                "again and repeat.",
                HTTPStatus.FORBIDDEN,
            )
        action = self.text("action")
        method = getattr(self, f"do_{action}", None)
        if _ACTION.fullmatch(action) is None or method is None:
            raise Refused(f"This page has no action {action[:40]!r}.")
        message = method(**names)
        if not self._is_done:
            self.done(message)

    # --- Answers ------------------------------------------------------------------

    def show(
        self, facts: dict[str, Any], status: int = HTTPStatus.OK, problem: str = ""
    ) -> None:
        """Answer with facts: as the page, or as JSON.

        Args:
            facts: see `facts`.
            status: of the answer.
            problem: a sentence that is shown above them.
        """
        self.response.status = int(status)
        forms: Forms = self.app.registry["forms"]
        if self.wants_json:
            shown = {**facts, "token": forms.token()}
            if problem:
                shown["error"] = problem
            self._write_json(shown)
            return
        self.write_page(self.template, facts, problem)

    def answer(
        self, facts: dict[str, Any], status: int = HTTPStatus.OK, problem: str = ""
    ) -> None:
        """Answer an action with a page, in the place of a message; see `show`."""
        self._is_done = True
        self.show(facts, status, problem)

    def answer_json(self, value: Any) -> None:
        """Answer an action with JSON, for a script of ours."""
        self._is_done = True
        self._write_json(value)

    def done(self, message: str, to: str = "") -> None:
        """Answer that an action is done.

        Args:
            message: what was done.
            to: path of the page to go on to; "" for this one.
        """
        self._is_done = True
        if self.wants_json:
            self._write_json({"message": message, "to": to or self.request.path})
            return
        messages: Messages = self.app.registry["messages"]
        # As it came: a client id need not be UTF-8.
        path, _, query = (to or self.request.path_qs).partition("?")
        pairs = [each for each in query.split("&") if not _MESSAGE.match(each)]
        pairs.append(urlencode({"message": messages.keep(message)}))
        self.response.status = int(HTTPStatus.SEE_OTHER)
        self.response.headers["Location"] = f"{path}?{'&'.join(filter(None, pairs))}"

    def write_page(
        self, template: str, facts: dict[str, Any], problem: str = ""
    ) -> None:
        """Write a page made from a template."""
        forms: Forms = self.app.registry["forms"]
        messages: Messages = self.app.registry["messages"]
        templates: Templates = self.app.registry["templates"]
        path = self.request.path
        own = next((page for page in PAGES if page.path == path), None)
        self.response.headers["Content-Type"] = "text/html; charset=utf-8"
        if self.content_security:
            self.response.headers[FURTHER_SECURITY] = self.content_security
        page = templates.render(
            template,
            **{
                "title": self.title or (own.title if own else "Console"),
                "path": path,
                "url": self.request.path_qs,
                "menu": _menu(),
                "application_id": self.sources.app.application_id,
                "app_url": self.sources.app.url,
                "token": forms.token(),
                "message": messages.take(self.query("message")),
                "problem": problem,
                **facts,
            },
        )
        # A client id need not be text that can be encoded.
        self.response.write(page.encode("utf-8", "replace"))

    def refuse(self, error: Exception) -> None:
        """Answer with the sentence of an error, and its status if it has one."""
        status = getattr(error, "status", HTTPStatus.SERVICE_UNAVAILABLE)
        self.response.clear()
        self.response.status = int(status)
        sentence = str(error)
        if self.wants_json:
            self._write_json({"error": sentence})
        else:
            self.write_page("refused.html", {}, sentence)

    def _write_json(self, value: Any) -> None:
        self.response.headers["Content-Type"] = "application/json"
        self.response.write(json.dumps(value, default=_plain))

    def handle_exception(self, exception: BaseException, debug: bool) -> None:
        """Answer 500 where the page itself has failed; what was refused goes on."""
        refused = (Refused, ChannelShimError, UnicodeDecodeError, webapp2.HTTPException)
        if isinstance(exception, refused):
            raise exception
        _logger.error(
            "the console's page %s failed",
            one_line(self.request.path),
            exc_info=exception,
        )
        self.response.clear()
        self.response.status = int(HTTPStatus.INTERNAL_SERVER_ERROR)
        sentence = f"This page failed: {type(exception).__name__}; the log has more."
        if self.wants_json:
            self._write_json({"error": sentence})
        else:
            self.write_page("refused.html", {}, sentence)


def _menu() -> list[tuple[str, list[Any]]]:
    """Return the menu: each group with its pages."""
    shown = [page for page in PAGES if page.is_in_menu]
    groups = [(name, [each for each in shown if each.group == name]) for name in GROUPS]
    return [(name, pages) for name, pages in groups if pages]


def _plain(value: Any) -> Any:
    """Return what JSON says of a value that it does not know."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    if isinstance(value, Path):
        return str(value)
    return str(value)
