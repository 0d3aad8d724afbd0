"""Two people chat: the tutorial's app, untouched, in real Chromium.

Once on our own server, which pushes, and once as `channelshim.wrap(app)` under
paste.httpserver, where pages poll. What the app keeps in ndb is seen through a probe
around its WSGI application (minichat_program.py).
"""

from __future__ import annotations

import json
import shutil
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from channelshim.cli.project import TUTORIAL_FILES
from tests.chromium import Pages
from tests.lanes import ROOT, timeout_factor
from tests.programs import Program, running

pytestmark = pytest.mark.browser

PROGRAM = Path(__file__).parent / "minichat_program.py"
DISCONNECTED = "/_ah/channel/disconnected/"
ANN, BOB, CAROL = "ann@example.com", "bob@example.com", "carol@gmail.com"
USER_IDS = {ANN: "137124870312556742271", BOB: "175155184063224062179"}
PATIENCE_SECONDS = 60
"""Under Paste a page counts as gone only some time after its last poll."""

HARD_TEXTS = (
    "plain",
    "Grüße, Ærø, ñandú, žluťoučký kůň",
    "decomposed: e\u0301 a\u0308",
    "你好，世界 𠮷野家",
    "שלום مرحبا",
    "👋🏽 👩‍👩‍👧 🇩🇰",
    "  two  spaces, 100 % of %s and {0}",
    'it\'s "quoted" \\n \\u0041',
)


class Chat:
    """A running minichat and the people in it."""

    def __init__(self, program: Program, pages: Pages, wait_until: Any) -> None:
        self.url = program.wait_for_url()
        self.wait_until = wait_until
        self._pages = pages

    def enter(self, email: str) -> Any:
        """Return the page of somebody who has come through the login page."""
        page = self._pages()
        page.goto(self.url)
        assert urllib.parse.urlsplit(page.url).path == "/_ah/login"
        page.fill("#email", email)
        page.click("#submit-login")
        page.wait_for_selector("#message-form")
        # Its script begins to listen to the form at the load event, not before.
        page.wait_for_load_state("load")
        assert page.url == f"{self.url}/"
        return page

    def enter_again(self, page: Any) -> Any:
        """Return a second tab of the same person."""
        tab = self._pages.watch(page.context.new_page())
        tab.goto(self.url)
        return tab

    def errors(self, page: Any) -> list[str]:
        """Return what the page's console complains of."""
        return self._pages.errors(page)

    def probe(self) -> dict[str, Any]:
        """Return the app's entities and the POSTs that it has handled."""
        with urllib.request.urlopen(
            f"{self.url}/_probe", timeout=30 * timeout_factor()
        ) as answer:
            report: dict[str, Any] = json.load(answer)
        return report

    def active(self) -> set[str]:
        """Return the user ids in ActiveUser."""
        return set(self.probe()["active"])

    def gone(self) -> list[str]:
        """Return the client ids that were reported disconnected, in order."""
        bodies = [p["body"] for p in self.probe()["posts"] if p["path"] == DISCONNECTED]
        return [urllib.parse.parse_qs(body)["from"][0] for body in bodies]

    def wait_for_texts(self, page: Any, count: int) -> list[str]:
        """Return what a page shows once it shows count messages."""
        self.wait_until(lambda: len(texts(page)) >= count, PATIENCE_SECONDS)
        return texts(page)

    def let_the_grace_pass(self) -> None:
        """Wait until everybody who went before this call has been reported.

        Somebody comes and goes; her report is made after all that were due earlier.
        """
        before = self.active()
        page = self.enter(CAROL)
        (her_id,) = self.active() - before
        say(page, "fence")
        page.wait_for_selector("#messages div")
        page.close()
        self.wait_until(lambda: her_id not in self.active(), PATIENCE_SECONDS)


def say(page: Any, text: str) -> None:
    """Type, press Enter and wait until the app has handled it.

    The app handles requests at the same time, and who says two things at once does not
    know which of them is handled first.
    """
    with page.expect_response("**/chat"):
        say_at_once(page, text)


def say_at_once(page: Any, text: str) -> None:
    """Type and press Enter."""
    page.fill("#message", text)
    page.press("#message", "Enter")


def texts(page: Any) -> list[str]:
    """Return the messages on a page, oldest first."""
    shown: list[str] = page.eval_on_selector_all(
        "#messages div", "divs => divs.map(div => div.textContent)"
    )
    return shown


patient = pytest.mark.parametrize(
    "gateway", ["serve", pytest.param("paste", marks=pytest.mark.slow)], indirect=True
)
"""For tests that let the grace pass: a matter of two seconds, or of a minute."""


@pytest.fixture(params=["serve", "paste"])
def gateway(request: pytest.FixtureRequest) -> str:
    """Return who serves: our server, or Paste's."""
    return str(request.param)


@pytest.fixture
def chat(
    gateway: str, tmp_path: Path, pages: Pages, wait_until: Callable[..., Any]
) -> Iterator[Chat]:
    """Return the tutorial's app at the repository's root, running.

    In a folder of its own, lest it be reloaded when something else at the root changes.
    """
    folder = tmp_path / "minichat"
    for name in TUTORIAL_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    command = [sys.executable, str(PROGRAM), gateway, str(folder), str(tmp_path)]
    with running(command, tmp_path) as program:
        yield Chat(program, pages, wait_until)


def test_what_one_says_both_see(chat: Chat) -> None:
    ann, bob = chat.enter(ANN), chat.enter(BOB)

    say(ann, "hello")
    chat.wait_for_texts(bob, 1)
    say(bob, "hello yourself")

    expected = [f"{ANN}: hello", f"{BOB}: hello yourself"]
    assert chat.wait_for_texts(ann, 2) == expected
    assert chat.wait_for_texts(bob, 2) == expected
    assert chat.errors(ann) == chat.errors(bob) == []


def test_nickname_of_a_gmail_address_is_its_first_part(chat: Chat) -> None:
    carol = chat.enter(CAROL)

    say(carol, "hello")

    assert chat.wait_for_texts(carol, 1) == ["carol: hello"]


def test_any_text_arrives_as_typed(chat: Chat) -> None:
    ann, bob = chat.enter(ANN), chat.enter(BOB)

    for text in HARD_TEXTS:
        say(ann, text)

    expected = [f"{ANN}: {text}" for text in HARD_TEXTS]
    assert chat.wait_for_texts(bob, len(expected)) == expected
    assert chat.wait_for_texts(ann, len(expected)) == expected


def test_many_at_once_are_all_seen_in_the_order_of_the_server(chat: Chat) -> None:
    ann, bob = chat.enter(ANN), chat.enter(BOB)

    for number in range(20):
        say_at_once(ann, f"a{number}")
        say_at_once(bob, f"b{number}")

    posts = chat.wait_until(lambda: handled(chat, 40), PATIENCE_SECONDS)
    for page in (ann, bob):
        shown = [text.split(": ")[1] for text in chat.wait_for_texts(page, 40)]
        assert sorted(shown) == sorted(post["body"] for post in posts)
        assert_order(shown, posts)


def handled(chat: Chat, count: int) -> list[dict[str, Any]] | None:
    """Return the messages that the app has handled, None before there are count."""
    posts = [post for post in chat.probe()["posts"] if post["path"] == "/chat"]
    return posts if len(posts) == count else None


def assert_order(shown: list[str], posts: list[dict[str, Any]]) -> None:
    """Assert that what was handled before something else began stands above it."""
    place = {text: number for number, text in enumerate(shown)}
    for first in posts:
        for second in posts:
            if first["ended"] < second["began"]:
                assert place[first["body"]] < place[second["body"]]


def test_closing_a_tab_removes_its_user(chat: Chat) -> None:
    ann, bob = chat.enter(ANN), chat.enter(BOB)
    say(bob, "bye")
    chat.wait_for_texts(ann, 1)
    chat.wait_for_texts(bob, 1)
    assert len(chat.active()) == 2

    bob.close()

    chat.wait_until(lambda: chat.active() == {USER_IDS[ANN]}, PATIENCE_SECONDS)
    assert chat.gone() == [bob_id for bob_id in chat.gone() if bob_id != USER_IDS[ANN]]
    say(ann, "alone")
    assert chat.wait_for_texts(ann, 2)[1] == f"{ANN}: alone"


def test_reloading_misses_nothing(chat: Chat) -> None:
    ann, bob = chat.enter(ANN), chat.enter(BOB)
    say(bob, "before")
    chat.wait_for_texts(ann, 1)
    chat.wait_for_texts(bob, 1)
    reload_meanwhile(bob, lambda number: say(ann, f"meanwhile {number}"))

    say(ann, "after")

    expected = [f"{ANN}: meanwhile {number}" for number in range(3)]
    assert chat.wait_for_texts(bob, 4) == [*expected, f"{ANN}: after"]
    assert chat.errors(bob) == []


@patient
def test_reloading_keeps_the_user(chat: Chat) -> None:
    bob = chat.enter(BOB)
    say(bob, "before")
    chat.wait_for_texts(bob, 1)

    bob.reload()

    chat.let_the_grace_pass()
    assert USER_IDS[BOB] in chat.active()
    assert USER_IDS[BOB] not in chat.gone()


def reload_meanwhile(page: Any, act: Callable[[int], None]) -> None:
    """Reload a page and act three times before its script can open the channel.

    By then the old page is gone and the new one has its token.
    """

    def hold(route: Any) -> None:
        for number in range(3):
            act(number)
        route.continue_()

    page.route("**/static/main.js", hold)
    page.reload()
    page.unroute("**/static/main.js")


def test_second_tab_receives_too(chat: Chat) -> None:
    ann, bob = chat.enter(ANN), chat.enter(BOB)
    second = chat.enter_again(ann)

    say(second, "from my second tab")

    for page in (ann, second, bob):
        assert chat.wait_for_texts(page, 1) == [f"{ANN}: from my second tab"]


@patient
def test_closing_a_second_tab_removes_nobody(chat: Chat) -> None:
    ann = chat.enter(ANN)
    second = chat.enter_again(ann)
    say(ann, "both of us")
    for page in (ann, second):
        chat.wait_for_texts(page, 1)

    second.close()

    chat.let_the_grace_pass()
    assert USER_IDS[ANN] in chat.active()
    assert USER_IDS[ANN] not in chat.gone()
    assert texts(ann)[-1] == "carol: fence"


def test_page_is_pushed_to_where_the_server_can(chat: Chat, gateway: str) -> None:
    requests: list[str] = []
    page = chat.enter(ANN)
    page.on("request", lambda request: requests.append(request.url))
    sockets: list[Any] = []
    page.on("websocket", lambda socket: sockets.append(socket))

    page.reload()
    say(page, "hello")
    chat.wait_for_texts(page, 1)

    polls = [url for url in requests if "/_ah/channel/poll" in url]
    if gateway == "serve":
        assert polls == []
        # The page of before the reload may have been late with its own.
        assert [each.url for each in sockets].count(sockets[-1].url) == 1
    else:
        assert polls
