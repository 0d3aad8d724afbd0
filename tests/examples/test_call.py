"""The WebRTC example: two pages find each other by channels, then need no server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.chromium import Pages, open_browser
from tests.examples.people import say, wait_for_text, wait_for_texts
from tests.servers import Server

pytestmark = pytest.mark.browser

ALLOWED = {"permissions": ["camera", "microphone"]}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium with a camera and a microphone, on a machine with one address."""
    with open_browser(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        # A container may have no other network than the loopback.
        "--allow-loopback-in-peer-connection",
    ) as opened:
        yield opened


def test_pages_connect_and_talk_without_the_server(
    example: Callable[[str], Server], pages: Pages
) -> None:
    server = example("call")
    ann, bob = pages(**ALLOWED), pages(**ALLOWED)
    ann.goto(server.url)
    wait_for_text(ann, "#state", "waiting: open this address in another window")
    bob.goto(ann.url)
    for page in (ann, bob):
        wait_for_text(page, "#state", "connected")

    third = pages(**ALLOWED)
    third.goto(ann.url)
    wait_for_text(third, "#state", "two people are in this call already")
    bob.close()
    wait_for_text(ann, "#state", "the other page has left")
    carol = pages(**ALLOWED)
    carol.goto(ann.url)
    for page in (ann, carol):
        wait_for_text(page, "#state", "connected")
        page.wait_for_function("document.getElementById('theirs').videoWidth > 0")
        assert pages.errors(page) == []

    server.stop()
    say(ann, "hello")
    wait_for_texts(carol, "#texts li", ["they: hello"])
    say(carol, "hello yourself")
    wait_for_texts(ann, "#texts li", ["you: hello", "they: hello yourself"])
