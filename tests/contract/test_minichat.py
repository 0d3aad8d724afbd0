"""Contract cases J: the tutorial's app as it stands, over the old wire.

The same cases in real Chromium are in tests/browser/test_minichat.py.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from channelshim.cli.project import TUTORIAL_FILES
from tests.conftest import await_condition
from tests.contract.sites import Original, Site
from tests.lanes import ROOT
from tests.servers import Servers

ANN, BOB = "ann@example.com", "bob@gmail.com"
ANNS_ID = "137124870312556742271"


class Person:
    """Somebody who has come through the login page and whose page is open."""

    def __init__(self, site: Site, email: str) -> None:
        self.site = site
        self.cookie = {"Cookie": site.log_in(email)}
        self.token = self.reload()

    def reload(self) -> str:
        """Load the page again and open its channel; return the token."""
        answer = self.site.ask("/", headers=self.cookie)
        assert answer.status == 200
        found = re.search(r"Channel\('([^']+)'\)", answer.body.decode())
        assert found is not None
        self.token = found[1]
        assert self.site.dev("connect", self.token).status == 200
        return self.token

    def say(self, text: str) -> None:
        answer = self.site.ask("/chat", body=text.encode(), headers=self.cookie)
        assert answer.status == 200

    def next(self) -> str:
        """Return the next message, or ""."""
        return self.site.dev("poll", self.token).body.decode()

    def hear(self) -> str:
        """Wait for a message and return it."""
        heard: str = await_condition(self.next)
        return heard


@pytest.fixture(scope="module")
def shim_minichat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = _copy(tmp_path_factory.mktemp("minichat"))
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    yield Site("shim", servers(folder).port, None)
    servers.stop()


@pytest.fixture(scope="module")
def original_minichat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = _copy(tmp_path_factory.mktemp("minichat"))
    original = Original(folder, tmp_path_factory.mktemp("original"))
    yield Site("original", original.port, original.output)
    original.stop()


def _copy(folder: Path) -> Path:
    for name in TUTORIAL_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    return folder


@pytest.fixture(
    params=["shim", pytest.param("original", marks=pytest.mark.original)],
)
def site(request: pytest.FixtureRequest) -> Site:
    found: Site = request.getfixturevalue(f"{request.param}_minichat")
    return found


def meet(site: Site) -> tuple[Person, Person]:
    """Return Ann and Bob once each hears the other."""
    ann, bob = Person(site, ANN), Person(site, BOB)

    def ann_hears() -> bool:
        # The original's queries see a new entity about a second late.
        bob.say("met?")
        return "met?" in ann.next() and "met?" in bob.next()

    await_condition(ann_hears)
    for one in (ann, bob):
        while one.next():
            pass
    return ann, bob


def test_case_120_stranger_is_sent_to_the_login_page(site: Site) -> None:
    answer = site.ask("/")
    assert answer.status == 302
    there = answer.headers["Location"]
    home = f"http%3A//localhost%3A{site.port}/"
    assert there == f"http://{site.host}/_ah/login?continue={home}"


def test_case_121_and_129_page_holds_a_token(site: Site) -> None:
    assert Person(site, ANN).next() == ""


def test_case_122_text_is_text(site: Site) -> None:
    ann, _ = meet(site)
    ann.say("one ☃")
    assert ann.hear() == "ann@example.com: one ☃"


def test_case_123_both_see_what_one_says(site: Site) -> None:
    ann, bob = meet(site)
    bob.say("hi")
    assert (ann.hear(), bob.hear()) == ("bob: hi", "bob: hi")


def test_case_124_empty_text_is_answered(site: Site) -> None:
    ann, _ = meet(site)
    ann.say("")
    assert ann.next() == ""


def test_case_126_reload_misses_nothing(site: Site) -> None:
    ann, bob = meet(site)
    ann.reload()
    bob.say("while you were away")
    assert ann.hear() == "bob: while you were away"


def test_case_127_outsider_evicts_nobody(site: Site) -> None:
    """D6: the original lets anybody drop anybody."""
    ann, bob = meet(site)
    answer = site.ask("/_ah/channel/disconnected/", form={"from": ANNS_ID})
    if site.is_original:
        assert answer.status == 200
        return
    assert answer.status == 403
    bob.say("still here?")
    assert ann.hear() == "bob: still here?"
