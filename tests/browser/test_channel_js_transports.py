"""How channel.js keeps the line: drops, proxies, restarts, sleep."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.driver import Tab
from tests.browser.pages_server import PagesServer
from tests.browser.proxy import Proxy
from tests.browser.scripted_server import ScriptedServer

pytestmark = pytest.mark.browser

OpenTab = Callable[..., Tab]
WaitUntil = Callable[..., Any]


@pytest.fixture
def tab(scripted: ScriptedServer, open_tab: OpenTab) -> Tab:
    """A page of the scripted server."""
    return open_tab(scripted.url)


# --- WebSocket ----------------------------------------------------------------------


def test_onopen_waits_for_the_hello(scripted: ScriptedServer, tab: Tab) -> None:
    scripted.upgrade, scripted.poll = "mute", "refuse"
    tab.open("t")
    tab.until("sockets.s.readyState === 0")
    tab.settle()
    assert tab.events() == []
    assert scripted.handshakes == [None]


def test_a_dropped_line_goes_on_where_it_was(
    scripted: ScriptedServer, tab: Tab, wait_until: WaitUntil
) -> None:
    tab.connect("t")
    scripted.send("1", "2")
    tab.wait_for_texts("1", "2")
    for number in range(3, 6):
        scripted.drop_sockets()
        scripted.send(str(number))
        tab.wait_for_texts(*map(str, range(1, number + 1)))
        wait_until(lambda: scripted.sockets or scripted.polls)
    tab.settle()
    assert tab.events() == ["open"] + ["message"] * 5
    assert scripted.handshakes[:2] == [None, "1002"]


def test_come_back_is_no_failure(scripted: ScriptedServer, tab: Tab) -> None:
    tab.connect("t")
    # More often than a proxy that cuts would be borne.
    for after in range(1, 6):
        scripted.close_sockets(1012)
        scripted.send(str(after))
        tab.wait_for_texts(*map(str, range(1, after + 1)))
    assert scripted.polls == []
    assert tab.events() == ["open"] + ["message"] * 5


def test_a_busy_server_is_asked_again(
    scripted: ScriptedServer, tab: Tab, wait_until: WaitUntil
) -> None:
    scripted.upgrade = "busy"
    scripted.poll = "refuse"
    tab.open("t")
    wait_until(lambda: len(scripted.handshakes) >= 2, 20)
    scripted.upgrade = "accept"
    tab.wait_for_events("open")


def test_expiry_on_a_live_socket_is_one_error_and_the_end(
    scripted: ScriptedServer, tab: Tab
) -> None:
    tab.connect("t")
    scripted.close_sockets(4401, "Token+timed+out.")
    tab.wait_for_events("open", "error", "close")
    tab.settle()
    error = {"code": 401, "description": "Token+timed+out."}
    assert tab.log()[1:] == [
        ["s", "error", 1, 1, error, True],
        ["s", "close", 3, 0, None, True],
    ]
    assert len(scripted.handshakes) == 1


def test_expiry_while_away_is_told_at_the_return(
    scripted: ScriptedServer, tab: Tab
) -> None:
    tab.connect("t")
    scripted.upgrade = "refuse"
    scripted.poll = "expired"
    scripted.drop_sockets()
    tab.wait_for_events("open", "error", "close")
    assert tab.log()[1][4] == {"code": 401, "description": "Token+timed+out."}


def test_a_server_that_lost_its_numbers_is_believed(
    scripted: ScriptedServer, tab: Tab
) -> None:
    tab.connect("t")
    scripted.send("1")
    tab.wait_for_texts("1")
    scripted.reset_number(5)
    scripted.close_sockets(1012)
    tab.until("performance.now() > 0")
    tab.settle()
    scripted.send("2")
    tab.wait_for_texts("1", "2")


def test_frames_that_are_no_text_are_ignored(
    scripted: ScriptedServer, tab: Tab
) -> None:
    tab.connect("t")
    scripted.send_bytes(b"\x00\x01")
    scripted.send("1")
    tab.wait_for_texts("1")
    scripted.drop_sockets()
    scripted.send("2")
    tab.wait_for_texts("1", "2")


# --- Polls, where WebSockets do not get through -------------------------------------


@pytest.mark.parametrize("upgrade", ["refuse", "garbage", "mute"])
def test_polls_take_over_where_websockets_fail(
    scripted: ScriptedServer, tab: Tab, upgrade: str
) -> None:
    scripted.upgrade = upgrade
    tab.connect("t")
    for number in range(1, 4):
        scripted.send(str(number))
        tab.wait_for_texts(*map(str, range(1, number + 1)))
    assert tab.events() == ["open"] + ["message"] * 3
    # Remembered by the page: the next channel polls at once.
    handshakes = len(scripted.handshakes)
    tab.connect("t", "next")
    assert len(scripted.handshakes) <= handshakes + 1


def test_a_websocket_takes_over_as_soon_as_it_gets_through(
    scripted: ScriptedServer, tab: Tab, wait_until: WaitUntil
) -> None:
    scripted.upgrade = "refuse"
    tab.connect("t")
    scripted.send("1")
    tab.wait_for_texts("1")
    scripted.upgrade = "accept"
    wait_until(lambda: scripted.sockets, 20)
    # The server need not wait for the polls that will not come.
    wait_until(lambda: scripted.polls[-1].get("leave") == "1")
    scripted.send("2", "3")
    tab.wait_for_texts("1", "2", "3")
    count = len(scripted.polls)
    tab.settle()
    assert len(scripted.polls) == count
    assert tab.events() == ["open"] + ["message"] * 3


def test_a_proxy_that_cuts_idle_websockets_ends_in_polls(
    scripted: ScriptedServer, tab: Tab, wait_until: WaitUntil
) -> None:
    scripted.cut_after = 0.5
    tab.connect("t")
    wait_until(lambda: len(scripted.polls) > 3, 30)
    scripted.send("1", "2")
    tab.wait_for_texts("1", "2")
    scripted.send("3")
    tab.wait_for_texts("1", "2", "3")
    assert tab.events() == ["open"] + ["message"] * 3


def test_polls_that_are_cut_are_held_for_less_long(
    scripted: ScriptedServer, tab: Tab, wait_until: WaitUntil
) -> None:
    scripted.upgrade = "refuse"
    scripted.cut_after = 2.5
    tab.connect("t")

    def waits() -> list[float]:
        return [float(query["wait"]) for query in scripted.polls]

    wait_until(lambda: any(0 < wait <= 2 for wait in waits()), 20)
    scripted.send("1")
    tab.wait_for_texts("1")
    assert tab.events() == ["open", "message"]


def test_a_server_that_does_not_hold_is_not_asked_without_pause(
    scripted: ScriptedServer, tab: Tab
) -> None:
    scripted.upgrade = "refuse"
    scripted.holds = False
    tab.connect("t")
    before, begun = len(scripted.polls), time.monotonic()
    tab.run("() => new Promise(done => setTimeout(done, 3000))")
    # Not before they are counted: a slow machine comes back late.
    polls = len(scripted.polls) - before
    assert polls <= 2 + (time.monotonic() - begun)


def test_the_pause_that_the_server_asks_for_is_kept(
    scripted: ScriptedServer, tab: Tab
) -> None:
    scripted.upgrade = "refuse"
    scripted.holds = False
    scripted.retry_ms = 60_000
    tab.connect("t")
    tab.run("() => new Promise(done => setTimeout(done, 1500))")
    assert len(scripted.polls) == 1


def test_a_login_page_in_between_is_no_answer(
    scripted: ScriptedServer, tab: Tab
) -> None:
    scripted.upgrade, scripted.poll = "refuse", "html"
    tab.open("t")
    tab.settle()
    assert tab.events() == []
    scripted.poll = "answer"
    tab.wait_for_events("open")


def test_close_tells_the_server_that_a_poller_leaves(
    scripted: ScriptedServer, tab: Tab, wait_until: WaitUntil
) -> None:
    scripted.upgrade = "refuse"
    tab.connect("t")
    tab.run("sockets.s.close()")
    wait_until(lambda: scripted.polls[-1].get("leave") == "1")
    tab.wait_for_events("open", "close")
    count = len(scripted.polls)
    tab.settle()
    assert len(scripted.polls) == count


def test_leaving_the_page_tells_the_server_that_a_poller_leaves(
    scripted: ScriptedServer, tab: Tab, wait_until: WaitUntil
) -> None:
    scripted.upgrade = "refuse"
    tab.connect("t")
    tab.page.goto("about:blank")
    wait_until(lambda: scripted.polls[-1].get("leave") == "1")


def test_a_hidden_page_says_so(
    scripted: ScriptedServer, tab: Tab, wait_until: WaitUntil
) -> None:
    scripted.upgrade = "refuse"
    tab.run("() => Object.defineProperty(document, 'hidden', {get: () => true})")
    tab.connect("t")
    wait_until(lambda: len(scripted.polls) >= 2)
    assert all(query.get("hidden") == "1" for query in scripted.polls)


# --- Nobody answers -----------------------------------------------------------------


def test_tries_are_at_most_two_seconds_apart(
    scripted: ScriptedServer, tab: Tab, wait_until: WaitUntil
) -> None:
    tab.connect("t")
    scripted.stop()
    tab.run("() => new Promise(done => setTimeout(done, 4000))")
    scripted.start()
    scripted.send("1")
    tab.wait_for_texts("1", seconds=4)
    # A poll may have found it first; the WebSocket is back soon after.
    wait_until(lambda: scripted.sockets)
    assert tab.events() == ["open", "message"]


def test_giving_up_after_a_long_time_is_one_error_and_the_end(
    scripted: ScriptedServer, tab: Tab
) -> None:
    tab.page.clock.install()
    tab.connect("t")
    scripted.stop()
    for _ in range(400):
        tab.page.clock.run_for(2000)
        if "close" in tab.events():
            break
    error = {"code": 0, "description": ""}
    assert tab.log()[1:] == [
        ["s", "error", 1, 1, error, True],
        ["s", "close", 3, 0, None, True],
    ]


# --- Real proxies before our own server --------------------------------------------


def test_a_proxy_that_refuses_upgrades(
    pages_server: PagesServer,
    proxy: Callable[..., Proxy],
    open_tab: OpenTab,
    client_id: str,
    wait_until: WaitUntil,
) -> None:
    between = proxy(pages_server, refuses_upgrades=True)
    tab = open_tab(between.url)
    tab.connect(pages_server.token(client_id))
    pages_server.send(client_id, "1", "2")
    tab.wait_for_texts("1", "2")
    pages_server.send(client_id, "3")
    tab.wait_for_texts("1", "2", "3")
    assert between.refused >= 1
    assert pages_server.presence(client_id) == ["connected"]
    tab.run("sockets.s.close()")
    both = ["connected", "disconnected"]
    wait_until(lambda: pages_server.presence(client_id) == both)


def test_a_proxy_that_cuts_what_is_idle(
    pages_server: PagesServer,
    proxy: Callable[..., Proxy],
    open_tab: OpenTab,
    client_id: str,
    wait_until: WaitUntil,
) -> None:
    between = proxy(pages_server, idle_seconds=1.0)
    tab = open_tab(between.url)
    tab.connect(pages_server.token(client_id))
    sent: list[str] = []
    for cuts in range(6):
        wait_until(lambda cuts=cuts: between.cut >= cuts)
        sent += [f"{cuts}a", f"{cuts}b"]
        pages_server.send(client_id, *sent[-2:])
    tab.wait_for_texts(*sent)
    assert tab.events() == ["open"] + ["message"] * len(sent)
    assert pages_server.presence(client_id) == ["connected"]


@pytest.mark.parametrize("query", ["", "?poll"], ids=["websocket", "poll"])
@pytest.mark.parametrize("seed", [1, 2])
def test_lines_that_are_cut_at_random_lose_and_repeat_nothing(
    pages_server: PagesServer,
    proxy: Callable[..., Proxy],
    open_tab: OpenTab,
    client_id: str,
    query: str,
    seed: int,
) -> None:
    chance = random.Random(seed)
    between = proxy(pages_server)
    tab = open_tab(between.url, query)
    tab.connect(pages_server.token(client_id))
    sent: list[str] = []
    for number in range(60):
        # Sending first or cutting first: both meet the page in the middle of things.
        if chance.random() < 0.4:
            between.cut_all(after_seconds=chance.random() / 50)
        texts = [f"{number}.{part}" for part in range(chance.randint(1, 20))]
        pages_server.send(client_id, *texts)
        sent += texts
    tab.until("count => texts('s').length >= count", len(sent))
    while between.cut < 6:  # A page that comes back late has met few of the cuts.
        between.cut_all(after_seconds=0)
        sent.append(f"late {len(sent)}")
        pages_server.send(client_id, sent[-1])
        tab.until("count => texts('s').length >= count", len(sent))
    tab.settle()
    assert tab.texts() == sent
    assert tab.events() == ["open"] + ["message"] * len(sent)


# --- Our own server -----------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?poll"], ids=["websocket", "poll"])
@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_case_66_a_restart_is_ridden_out(
    own_server: PagesServer, open_tab: OpenTab, query: str, kill: bool
) -> None:
    tab = open_tab(own_server.url, query)
    tab.connect(own_server.token("ann"))
    own_server.send("ann", "before")
    tab.wait_for_texts("before")
    port = own_server.stop(kill=kill)
    own_server.start(port)
    own_server.send("ann", "after")
    tab.wait_for_texts("before", "after")
    assert tab.events() == ["open", "message", "message"]


@pytest.mark.parametrize("query", ["", "?poll"], ids=["websocket", "poll"])
def test_twenty_tabs_of_one_page_are_all_live(
    pages_server: PagesServer, open_tab: OpenTab, client_id: str, query: str
) -> None:
    # Six connections to a host are all that a browser opens for requests.
    tabs = [open_tab(pages_server.url, query)]
    tabs += [open_tab(pages_server.url, query, beside=tabs[0]) for _ in range(19)]
    for tab in tabs:
        tab.open(pages_server.token(client_id))
    for tab in tabs:
        tab.wait_for_events("open")
    pages_server.send(client_id, "to all", "of them")
    for tab in tabs:
        tab.wait_for_texts("to all", "of them")
    # And the page's own requests still get through.
    assert tabs[7].run("() => fetch('/presence').then(answer => answer.status)") == 200


@pytest.mark.parametrize("query", ["", "?poll"], ids=["websocket", "poll"])
def test_offline_and_online_again(
    pages_server: PagesServer, open_tab: OpenTab, client_id: str, query: str
) -> None:
    tab = open_tab(pages_server.url, query)
    tab.connect(pages_server.token(client_id))
    tab.page.context.set_offline(True)
    pages_server.send(client_id, "meanwhile")
    tab.settle()
    tab.page.context.set_offline(False)
    pages_server.send(client_id, "again")
    tab.wait_for_texts("meanwhile", "again")
    assert tab.events() == ["open", "message", "message"]


@pytest.mark.parametrize("query", ["", "?poll"], ids=["websocket", "poll"])
def test_a_frozen_page_goes_on_when_it_wakes(
    pages_server: PagesServer, open_tab: OpenTab, client_id: str, query: str
) -> None:
    tab = open_tab(pages_server.url, query)
    tab.connect(pages_server.token(client_id))
    session = tab.page.context.new_cdp_session(tab.page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    pages_server.send(client_id, "1", "2")
    session.send("Page.setWebLifecycleState", {"state": "active"})
    pages_server.send(client_id, "3")
    tab.wait_for_texts("1", "2", "3")
    assert tab.events() == ["open"] + ["message"] * 3


@pytest.mark.parametrize("query", ["", "?poll"], ids=["websocket", "poll"])
def test_a_page_that_was_left_and_comes_back_misses_nothing(
    pages_server: PagesServer, open_tab: OpenTab, client_id: str, query: str
) -> None:
    tab = open_tab(pages_server.url, query)
    tab.connect(pages_server.token(client_id))
    pages_server.send(client_id, "1")
    tab.wait_for_texts("1")
    # What the back/forward cache does, without hanging on Chromium's rules for it.
    tab.run("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    pages_server.send(client_id, "2")
    tab.settle()
    assert tab.texts() == ["1"]
    tab.run("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    pages_server.send(client_id, "3")
    tab.wait_for_texts("1", "2", "3")
    assert tab.events() == ["open"] + ["message"] * 3
    assert tab.run("sockets.s.readyState") == 1


def test_a_channel_closed_while_its_page_was_left_stays_closed(
    scripted: ScriptedServer, tab: Tab
) -> None:
    tab.connect("t")
    tab.run("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    tab.run("sockets.s.close()")
    tab.run("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    tab.wait_for_events("open", "close")
    tab.settle()
    assert len(scripted.handshakes) == 1


@pytest.mark.parametrize("query", ["", "?poll"], ids=["websocket", "poll"])
def test_a_page_kept_for_the_back_button_goes_on(
    pages_server: PagesServer, keeping_page: Any, client_id: str, query: str
) -> None:
    keeping_page.goto(f"{pages_server.url}/page{query}")
    tab = Tab(keeping_page)
    tab.connect(pages_server.token(client_id))
    keeping_page.goto(f"{pages_server.url}/elsewhere")
    pages_server.send(client_id, "meanwhile")
    keeping_page.go_back(wait_until="commit")
    # The same page, not loaded anew: its log is still there.
    tab.wait_for_events("open", "message")
    assert tab.texts() == ["meanwhile"]


def test_a_silent_line_is_replaced_when_the_page_is_woken(
    scripted: ScriptedServer, tab: Tab, wait_until: WaitUntil
) -> None:
    tab.page.clock.install()
    tab.connect("t")
    scripted.send("1")
    tab.wait_for_texts("1")
    tab.page.clock.run_for(90_000)
    tab.run("document.dispatchEvent(new Event('visibilitychange'))")
    wait_until(lambda: len(scripted.handshakes) == 2)
    wait_until(lambda: len(scripted.sockets) == 1)
    scripted.send("2")
    tab.wait_for_texts("1", "2")
    # Just heard of: no reason to doubt it.
    tab.run("document.dispatchEvent(new Event('visibilitychange'))")
    tab.settle_by_clock()
    assert scripted.handshakes == [None, "1001"]


def test_a_line_that_is_silent_for_long_is_replaced(
    scripted: ScriptedServer, open_tab: OpenTab, wait_until: WaitUntil
) -> None:
    tab = open_tab(scripted.url, own_clock=True)
    tab.connect("t")
    tab.page.clock.run_for(9 * 60_000)
    assert len(scripted.handshakes) == 1
    tab.page.clock.run_for(2 * 60_000)
    # More than one, where the page's minutes pass faster than a handshake.
    wait_until(lambda: len(scripted.handshakes) >= 2)
    scripted.send("1")
    tab.wait_for_texts("1")
    assert tab.events() == ["open", "message"]


def test_base_url_reaches_another_host(
    scripted: ScriptedServer, pages_server: PagesServer, open_tab: OpenTab
) -> None:
    tab = open_tab(pages_server.url)
    tab.run("url => { goog.appengine.Socket.BASE_URL = url; }", scripted.base_url)
    tab.connect("t")
    scripted.send("x")
    tab.wait_for_texts("x")


def test_a_script_from_another_host_talks_to_that_host(
    scripted: ScriptedServer, pages_server: PagesServer, open_tab: OpenTab
) -> None:
    tab = open_tab(pages_server.url)
    tab.page.add_script_tag(url=f"{scripted.base_url}jsapi?x=1")
    assert tab.run("goog.appengine.Socket.BASE_URL") == scripted.base_url
    tab.connect("t")
    scripted.send("x")
    tab.wait_for_texts("x")


@pytest.mark.parametrize("query", ["", "?poll"], ids=["websocket", "poll"])
def test_a_page_in_the_background_is_not_reported_gone(
    pages_server: PagesServer,
    open_tab: OpenTab,
    client_id: str,
    query: str,
    wait_until: WaitUntil,
) -> None:
    tab = open_tab(pages_server.url, query)
    tab.run("() => Object.defineProperty(document, 'hidden', {get: () => true})")
    tab.connect(pages_server.token(client_id))
    wait_until(lambda: pages_server.presence(client_id) == ["connected"])
    session = tab.page.context.new_cdp_session(tab.page)
    # No timer and no callback runs for longer than the grace.
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    other = open_tab(pages_server.url)
    other.run("() => new Promise(done => setTimeout(done, 6000))")
    session.send("Page.setWebLifecycleState", {"state": "active"})
    pages_server.send(client_id, "x")
    tab.wait_for_texts("x")
    assert pages_server.presence(client_id) == ["connected"]
