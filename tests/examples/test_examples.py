"""Each app of examples/ as two people use it, in real Chromium."""

from __future__ import annotations

import secrets
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.chromium import Pages
from tests.examples.people import say, wait_for_text, wait_for_texts
from tests.lanes import timeout_factor
from tests.servers import Server

pytestmark = pytest.mark.browser

Example = Callable[[str], Server]

BLUE = "26,115,232,255"
EMPTY = "0,0,0,0"

RELOADED_AFTER = 3


def log_in(page: Any, url: str, email: str) -> None:
    """Go to an address by way of the login page."""
    page.goto(url)
    page.fill("#email", email)
    page.click("#submit-login")


def test_chat_shows_history_and_who_is_here(example: Example, pages: Pages) -> None:
    url = example("chat").url
    ann, bob = pages(), pages()
    log_in(ann, url, "ann@example.com")
    ann.fill("#name", "Sea Side")
    ann.click("form button")
    wait_for_text(ann, "#state", "connected")
    say(ann, "<b>Grüße</b>")
    wait_for_texts(ann, "#messages span", ["<b>Grüße</b>"])

    log_in(bob, f"{url}room/sea-side", "bob@example.com")
    wait_for_texts(bob, "#messages span", ["<b>Grüße</b>"])
    say(bob, "second")

    for page in (ann, bob):
        wait_for_texts(page, "#messages span", ["<b>Grüße</b>", "second"])
        wait_for_texts(page, "#messages b", ["ann@example.com", "bob@example.com"])
        wait_for_text(page, "#people", "ann@example.com, bob@example.com")
        assert pages.errors(page) == []
    bob.close()
    wait_for_text(ann, "#people", "ann@example.com")


def test_chat_shows_all_to_a_reloaded_page_and_a_second_tab(
    example: Example, pages: Pages
) -> None:
    ann = pages()
    log_in(ann, example("chat").url, "ann@example.com")
    ann.fill("#name", "harbour")
    ann.click("form button")
    wait_for_text(ann, "#state", "connected")
    for text in ("first", "second"):
        say(ann, text)
    wait_for_texts(ann, "#messages span", ["first", "second"])

    # Neither is reported as connected: the client id was here all the time.
    ann.reload()
    tab = pages.watch(ann.context.new_page())
    tab.goto(ann.url)

    for page in (ann, tab):
        wait_for_texts(page, "#messages span", ["first", "second"])
        wait_for_text(page, "#people", "ann@example.com")
    say(tab, "third")
    for page in (ann, tab):
        wait_for_texts(page, "#messages span", ["first", "second", "third"])
        assert pages.errors(page) == []


def see_the_same_board_again(player: Any, pages: Pages) -> None:
    """Reload a player's page, and open the game in a second tab for a moment."""
    board = player.inner_html("#board")
    state = player.inner_text("#state")
    player.reload()
    tab = pages.watch(player.context.new_page())
    tab.goto(player.url)
    for page in (player, tab):
        wait_for_text(page, "#state", state)
        assert page.inner_html("#board") == board
        assert pages.errors(page) == []
    tab.close()


def test_game_is_won_by_four_in_a_row(example: Example, pages: Pages) -> None:
    url = example("game").url
    red, yellow = pages(), pages()
    red.goto(url)
    red.click("#play")
    wait_for_text(red, "#state", "Waiting for somebody to play against.")
    yellow.goto(url)
    yellow.click("#play")
    wait_for_text(red, "#state", "Your turn; you are red.")
    wait_for_text(yellow, "#state", "Wait for the other move.")

    yellow.click("#cell-1-5")
    wait_for_text(yellow, "#refusal", "It is not your turn.")
    for number, column in enumerate("0101010"):
        mover = (red, yellow)[number % 2]
        mover.wait_for_function(
            "document.getElementById('state').textContent.startsWith('Your turn')"
        )
        mover.click(f"#cell-{column}-5")
        for page in (red, yellow):
            page.wait_for_function(
                "n => document.querySelectorAll('.red, .yellow').length === n",
                arg=number + 1,
            )
        if number == RELOADED_AFTER:
            see_the_same_board_again(red, pages)

    wait_for_text(red, "#state", "You have won.")
    wait_for_text(yellow, "#state", "You have lost.")
    assert pages.errors(red) == []
    red.goto(url)
    assert "Games won so far: 1." in red.inner_text("body")


def test_people_who_ask_at_once_are_paired_by_twos(example: Example) -> None:
    server = example("game")

    def play(_: int) -> str:
        connection = HTTPConnection(
            "localhost", server.port, timeout=30 * timeout_factor()
        )
        cookie = f"player={secrets.token_hex(16)}"
        connection.request("POST", "/play", "", {"Cookie": cookie})
        with connection.getresponse() as answer:
            assert answer.status == 302, answer.read()
            return answer.headers["Location"]

    with ThreadPoolExecutor(8) as pool:
        games = Counter(pool.map(play, range(8)))

    assert sorted(games.values()) == [2, 2, 2, 2]


def pixel(page: Any, x: int, y: int) -> str:
    """Return a pixel of the whiteboard, as in `BLUE`."""
    colour: str = page.evaluate(
        """([x, y]) => document.getElementById('board').getContext('2d')
            .getImageData(x, y, 1, 1).data.join()""",
        [x, y],
    )
    return colour


def test_whiteboard_is_the_same_on_all_pages(
    example: Example, pages: Pages, wait_until: Any
) -> None:
    ann, bob = pages(), pages()
    ann.goto(example("whiteboard").url)
    bob.goto(ann.url)
    wait_for_text(bob, "#state", "connected")
    wait_for_text(ann, "#state", "connected")
    box = ann.locator("#board").bounding_box()

    ann.mouse.move(box["x"] + 100, box["y"] + 100)
    ann.mouse.down()
    ann.mouse.move(box["x"] + 500, box["y"] + 100, steps=50)
    ann.mouse.up()

    wait_until(lambda: pixel(bob, 110, 101) == pixel(bob, 490, 101) == BLUE)
    assert pixel(bob, 300, 300) == EMPTY
    late = pages()
    late.goto(ann.url)
    wait_until(lambda: pixel(late, 110, 101) == pixel(late, 490, 101) == BLUE)
    bob.click("#clear")
    for page in (ann, bob, late):
        wait_until(lambda page=page: pixel(page, 300, 101) == EMPTY)
        assert pages.errors(page) == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"colour": "red", "points": [[1, 1]]}',
        '{"colour": "#ffffff", "points": []}',
        '{"colour": "#ffffff", "points": [[1, 1001]]}',
        '{"colour": "#ffffff", "points": [[1e400, 1]]}',
        '{"colour": "#ffffff", "points": [1]}',
        '{"colour": "#ffffff", "points": [[1, 1, 1]]}',
    ],
)
def test_whiteboard_refuses_what_is_no_stroke(example: Example, body: str) -> None:
    with urllib.request.urlopen(example("whiteboard").url) as answer:
        board = answer.url
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{board}/strokes", body.encode())
    with caught.value:
        assert caught.value.code == 400
