"""Contract cases F over the old wire, which both servers speak."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import await_condition
from tests.contract.sites import PROBE, Original, Site
from tests.servers import Servers

NewId = Callable[..., str]


@pytest.fixture
def keep(site: Site) -> Iterator[Callable[[str], threading.Event]]:
    """Poll with a token as an open page does; set the event to close the page."""
    closed: list[threading.Event] = []

    def poll(token: str, is_closed: threading.Event) -> None:
        while not is_closed.wait(site.grace_seconds / 4):
            site.dev("poll", token)

    def open_page(token: str) -> threading.Event:
        site.dev("connect", token)
        closed.append(threading.Event())
        threading.Thread(target=poll, args=(token, closed[-1]), daemon=True).start()
        return closed[-1]

    yield open_page
    for one in closed:
        one.set()


def await_told(site: Site, client_id: str, expected: list[str]) -> None:
    await_condition(lambda: site.told(client_id) == expected, 20)


def await_first_told(site: Site, client_id: str, expected: list[str]) -> None:
    """Wait for the beginning: a page that nobody keeps may have left by now."""
    await_condition(lambda: site.told(client_id)[: len(expected)] == expected, 20)


def await_another_visit(
    site: Site, new_id: NewId, keep: Callable[[str], threading.Event]
) -> None:
    """Wait until somebody else has come, gone, and been missed for the whole grace."""
    name = new_id()
    page = keep(site.token(name))
    await_told(site, name, ["connected"])
    page.set()
    await_told(site, name, ["connected", "disconnected"])


def test_case_073_connecting_is_posted_once(site: Site, new_id: NewId) -> None:
    name = new_id()
    token = site.token(name)
    for _ in range(3):
        site.dev("connect", token)
    await_first_told(site, name, ["connected"])
    assert site.told(name).count("connected") == 1
    event = site.events(name)[0]
    assert event["address"] == "0.1.0.10"
    assert event["type"] == "application/x-www-form-urlencoded"


def test_case_074_leaving_is_posted_after_the_grace(
    site: Site, new_id: NewId, keep: Callable[[str], threading.Event]
) -> None:
    name = new_id()
    page = keep(site.token(name))
    await_told(site, name, ["connected"])
    # Longer than the grace, and still there.
    await_another_visit(site, new_id, keep)
    assert site.told(name) == ["connected"]
    page.set()
    await_told(site, name, ["connected", "disconnected"])


def test_case_075_reloading_is_not_leaving(
    site: Site, new_id: NewId, keep: Callable[[str], threading.Event]
) -> None:
    name = new_id()
    for _ in range(3):
        keep(site.token(name)).set()
    keep(site.token(name)).set()
    await_told(site, name, ["connected", "disconnected"])


def test_case_076_coming_back_late_is_a_new_visit(site: Site, new_id: NewId) -> None:
    name = new_id()
    token = site.token(name)
    site.dev("connect", token)
    await_told(site, name, ["connected", "disconnected"])
    site.dev("connect", token)
    await_first_told(site, name, ["connected", "disconnected", "connected"])


def test_case_077_and_078_only_the_last_tab_counts(
    site: Site, new_id: NewId, keep: Callable[[str], threading.Event]
) -> None:
    name = new_id()
    first, second = keep(site.token(name)), keep(site.token(name))
    await_told(site, name, ["connected"])
    first.set()
    await_another_visit(site, new_id, keep)
    assert site.told(name) == ["connected"]
    second.set()
    await_told(site, name, ["connected", "disconnected"])


@pytest.mark.slow
def test_case_080_expiry_is_followed_by_leaving(
    site: Site, new_id: NewId, keep: Callable[[str], threading.Event]
) -> None:
    name = new_id()
    keep(site.token(name, minutes=1))
    await_condition(
        lambda: site.told(name) == ["connected", "disconnected"],
        70,
    )


@pytest.mark.parametrize("suffix", ["&b+c%41;d é", "=x&from=y", "\N{GRINNING FACE}"])
def test_case_081_from_is_the_id_exactly(
    shim_site: Site, new_id: NewId, suffix: str
) -> None:
    """D5: the original does not encode it, and cannot send what is not ASCII."""
    name = new_id() + suffix
    shim_site.dev("connect", shim_site.token(name))
    await_first_told(shim_site, name, ["connected"])


@pytest.mark.original
def test_case_081_original_cuts_from_at_an_ampersand(
    original_site: Site, new_id: NewId
) -> None:
    name = new_id()
    original_site.dev("connect", original_site.token(f"{name}&b"))
    await_first_told(original_site, name, ["connected"])


@pytest.mark.parametrize("missing", [True, False])
def test_case_082_answers_are_ignored(site: Site, new_id: NewId, missing: bool) -> None:
    name = new_id("lost" if missing else "broken")
    token = site.token(name)
    site.dev("connect", token)
    site.send(name, "x")
    assert site.dev("poll", token).body == b"x"
    await_first_told(site, name, ["connected", "disconnected"])


def test_case_083_presence_has_no_user(site: Site, new_id: NewId) -> None:
    name = new_id()
    token = site.token(name)
    cookie = site.log_in("ann@example.com", admin="True")
    query = {"command": "connect", "channel": token}
    site.ask("/_ah/channel/dev", query=query, headers={"Cookie": cookie})
    await_first_told(site, name, ["connected"])
    event = site.events(name)[0]
    assert event["user"] is None
    assert event["admin"] is False
    assert event["cookie"] is False


def test_case_084_what_the_handler_sends_arrives(site: Site, new_id: NewId) -> None:
    name = new_id("greet")
    token = site.token(name)
    site.dev("connect", token)
    await_condition(lambda: site.dev("poll", token).body == b"hello")


GUARD = """\
- url: /_ah/channel/(connected|disconnected)/
  script: main.app
  login: admin
- url: /.*
"""


@pytest.mark.parametrize(
    "name", ["shim", pytest.param("original", marks=pytest.mark.original)]
)
def test_case_085_presence_passes_the_admins_door(
    name: str, server: Servers, tmp_path: Path
) -> None:
    app = shutil.copytree(PROBE, tmp_path / "guarded")
    text = (app / "app.yaml").read_text()
    (app / "app.yaml").write_text(text.replace("- url: /.*\n", GUARD))
    if name == "shim":
        site = Site(name, server(app).port, None)
        _see_guarded_presence(site)
        return
    original = Original(app, tmp_path / "storage")
    try:
        _see_guarded_presence(Site(name, original.port, None))
    finally:
        original.stop()


def _see_guarded_presence(site: Site) -> None:
    site.dev("connect", site.token("ann"))
    await_told(site, "ann", ["connected", "disconnected"])


def test_case_086_presence_needs_no_inbound_services(site: Site, new_id: NewId) -> None:
    assert "inbound_services" not in (PROBE / "app.yaml").read_text()
    name = new_id()
    site.dev("connect", site.token(name))
    await_first_told(site, name, ["connected"])


def test_case_086_production_rule_is_a_setting(server: Servers, tmp_path: Path) -> None:
    silent = Site("shim", server(PROBE, "--require_inbound_services=yes").port, None)
    app = shutil.copytree(PROBE, tmp_path / "present")
    with (app / "app.yaml").open("a") as file:
        file.write("inbound_services:\n- channel_presence\n")
    told = Site("shim", server(app, "--require_inbound_services=yes").port, None)
    for one in (silent, told):
        one.dev("connect", one.token("ann"))
    await_told(told, "ann", ["connected", "disconnected"])
    assert silent.told("ann") == []
