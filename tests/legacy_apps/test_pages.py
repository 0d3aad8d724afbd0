"""The pages of the legacy apps in real Chromium: each way to open a channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.chromium import Pages
from tests.contract.sites import Site
from tests.legacy_apps.test_legacy_apps import SERVERS
from tests.legacy_apps.visits import Person, eventually

pytestmark = [pytest.mark.served, pytest.mark.browser]

LOGIN = "/_ah/login?email=ann%40example.com&action=Login&continue=%2F%3Fg%3Dgame"

CASES = {
    # A handler object.
    "nim": (LOGIN, "open"),
    # open() alone, the functions are assigned later.
    "parlour": ("/", "open"),
    # Both; those that were assigned later win.
    "switchboard": ("/?r=1&u=7", "open 1"),
    # What the app sends when it is told that the page is there.
    "mounted": ("/room/ann", "Welcome, Ann"),
    # An old copy of a channel script instead of the server's.
    "cafe": ("/", "Soufflé à 450"),
    "halfway": ("/", "open"),
}


@pytest.mark.parametrize(
    "target", ["ours", pytest.param("original", marks=pytest.mark.original)]
)
@pytest.mark.parametrize("name", CASES)
def test_page_opens_its_channel(
    name: str, target: str, tmp_path: Path, pages: Pages
) -> None:
    path, title = CASES[name]
    with SERVERS[target](name, tmp_path) as site:
        page = pages()
        page.goto(f"http://{site.host}{path}")
        if name == "cafe":
            _order(site, page, title)
        page.wait_for_function("title => document.title === title", arg=title)


def _order(site: Site, page: Any, title: str) -> None:
    """Send until the page has heard: the original drops what comes too early."""
    person = Person(site)

    def is_heard() -> bool:
        assert person.ask("/add", body=b"line=Souffl%E9+%E0+450").status == 200
        page.wait_for_timeout(200)
        return bool(page.title() == title)

    eventually(is_heard)
