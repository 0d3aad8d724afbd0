"""google.appengine.api.xmpp answers as the old development server did.

The answers are those of SDK 1.9.88.
"""

from __future__ import annotations

from typing import Any

import pytest
import webapp2

from channelshim import appengine

appengine.install("roster")

from google.appengine.api import xmpp  # noqa: E402
from google.appengine.ext.webapp import xmpp_handlers  # noqa: E402


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("a@b.c", "x"), 0),
        ((["a@b.c", "z@b.c"], "x"), [0, 0]),
        (("nobody", "x"), 1),
        ((["nobody", "a@b.c"], "x"), [1, 0]),
        (("a@b.c", "x", "me@roster.appspotchat.com"), 0),
        (("a@b.c", "x", "roster@appspot.com/bot"), 0),
        (("a@b.c", "x", None, ""), 0),
        (("", "x"), xmpp.InvalidJidError),
        (([], "x"), xmpp.InvalidJidError),
        (("a@b.c", ""), xmpp.NoBodyError),
        (("a@b.c", "x", None, "q"), xmpp.InvalidTypeError),
        (("a@b.c", "x", "me@elsewhere.com"), xmpp.InvalidJidError),
    ],
)
def test_send_message(
    arguments: tuple[Any, ...], answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPLICATION_ID", "dev~roster")
    if isinstance(answer, type):
        with pytest.raises(answer):
            xmpp.send_message(*arguments)
    else:
        assert xmpp.send_message(*arguments) == answer


def test_presence_is_made_up() -> None:
    assert xmpp.get_presence("a@b.c") is True
    assert xmpp.get_presence("m@b.c") is False
    assert xmpp.get_presence("a@b.c", get_show=True) == (True, "away")
    several = [(False, "away", 0), (True, "away", 1)]
    assert xmpp.get_presence(["nobody", "a@b.c"]) == several
    for wrong in ("", "nobody", []):
        with pytest.raises(xmpp.InvalidJidError):
            xmpp.get_presence(wrong)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"presence_type": "q"}, xmpp.InvalidTypeError),
        ({"presence_show": "q"}, xmpp.InvalidShowError),
        ({"status": "x" * 1025}, xmpp.InvalidStatusError),
    ],
)
def test_wrong_presence_is_refused(options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        xmpp.send_presence("a@b.c", **options)


@pytest.mark.parametrize(
    ("body", "command", "arg"),
    [
        ("/Help me", "Help", "me"),
        ("\\go", "go", ""),
        ("x", None, "x"),
        ("/", "", ""),
        (" /x", None, "/x"),
        ("/a  b ", "a", "b"),
    ],
)
def test_message_has_a_command(body: str, command: str | None, arg: str) -> None:
    message = xmpp.Message({"from": "a@b.c", "to": "d@e.f", "body": body})
    assert (message.command, message.arg) == (command, arg)


def test_handler_calls_the_method_of_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("APPLICATION_ID", "dev~roster")
    seen: list[Any] = []

    class Bot(xmpp_handlers.CommandHandler):
        def help_command(self, message: Any) -> None:
            seen.append(("help", message.arg))

        def text_message(self, message: Any = None) -> None:
            seen.append(("text", message.body))

    app = webapp2.WSGIApplication([("/_ah/xmpp/message/chat/", Bot)])
    for body in ("/help me", "hello", "/nothing"):
        form = {"from": "a@b.c", "to": "roster@appspot.com", "body": body}
        answer = app.get_response("/_ah/xmpp/message/chat/", POST=form)
        assert answer.status_int == 200
    assert app.get_response("/_ah/xmpp/message/chat/", POST={"to": "x"}).status_int
    assert seen == [("help", "me"), ("text", "hello")]
