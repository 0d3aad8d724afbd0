"""The JavaScript API in a real browser, case by case: part D of contract.md."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

from tests.browser.driver import Tab
from tests.browser.pages_server import PagesServer

pytestmark = pytest.mark.browser

INVALID = {"code": 401, "description": "Invalid+token."}
TIMED_OUT = {"code": 401, "description": "Token+timed+out."}

OpenTab = Callable[..., Tab]


@pytest.fixture(params=["websocket", "poll"])
def tab(
    request: pytest.FixtureRequest, pages_server: PagesServer, open_tab: OpenTab
) -> Tab:
    """A page of the app, with WebSockets and without."""
    return open_tab(pages_server.url, "?poll" if request.param == "poll" else "")


@pytest.fixture
def token(pages_server: PagesServer, client_id: str) -> str:
    """A token of the test's client id."""
    return pages_server.token(client_id)


def test_case_40_jsapi_defines_the_api_and_no_other_global(
    pages_server: PagesServer, tab: Tab
) -> None:
    with urllib.request.urlopen(f"{pages_server.url}/_ah/channel/jsapi") as answer:
        assert answer.status == 200
        assert answer.headers.get_content_type() == "text/javascript"
        assert answer.headers["Cache-Control"] == "no-cache"
    assert tab.run("typeof goog.appengine.Channel") == "function"
    assert tab.run("typeof goog.appengine.Socket") == "function"
    added = tab.run("globalsAfter.filter(name => !globalsBefore.includes(name))")
    assert added == ["goog"]


def test_case_40_everything_is_where_pages_look_for_it(tab: Tab) -> None:
    states = {"CONNECTING": 0, "OPEN": 1, "CLOSING": 2, "CLOSED": 3}
    assert tab.run("goog.appengine.Socket.ReadyState") == states
    assert tab.run("goog.appengine.Socket.BASE_URL") == "/_ah/channel/"
    assert tab.run("goog.appengine.Socket.POLLING_TIMEOUT_MS") == 500
    handler = "new goog.appengine.Socket.Handler()"
    for member in ("onopen", "onmessage", "onerror", "onclose"):
        assert tab.run(f"{handler}.{member}()") is None


def test_case_41_an_existing_goog_is_extended(
    pages_server: PagesServer, open_tab: OpenTab
) -> None:
    tab = open_tab(pages_server.url, "?goog")
    assert tab.run("goog.foo") == 1
    assert tab.run("typeof goog.appengine.Channel") == "function"


def test_case_42_a_query_changes_nothing(pages_server: PagesServer) -> None:
    scripts = []
    for query in ("", "?bust=1"):
        url = f"{pages_server.url}/_ah/channel/jsapi{query}"
        with urllib.request.urlopen(url) as answer:
            scripts.append(answer.read())
    assert scripts[0] == scripts[1]


def test_case_43_the_apps_catch_all_does_not_get_jsapi(
    pages_server: PagesServer,
) -> None:
    with urllib.request.urlopen(f"{pages_server.url}/_ah/channel/jsapi") as answer:
        assert b"goog" in answer.read()
    with urllib.request.urlopen(f"{pages_server.url}/_ah/channel/jsapi/") as answer:
        assert answer.read() == b"the app's own answer"


def test_jsapi_answers_get_only(pages_server: PagesServer) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{pages_server.url}/_ah/channel/jsapi", b"x")
    assert caught.value.code == 405


def test_case_44_open_returns_a_connecting_socket_at_once(tab: Tab, token: str) -> None:
    assert tab.run("token => [open(token), log.length]", token) == [0, 0]


def test_case_45_handlers_assigned_in_the_same_tick_miss_nothing(
    tab: Tab, token: str, pages_server: PagesServer, client_id: str
) -> None:
    pages_server.send(client_id, "sent before")
    tab.run(
        """token => {
            var s = sockets.s = new goog.appengine.Channel(token).open();
            Object.assign(s, handler('s'));
        }""",
        token,
    )
    tab.wait_for_events("open", "message")
    pages_server.send(client_id, "sent after")
    tab.wait_for_texts("sent before", "sent after")


def test_case_46_callbacks_get_the_socket_as_this(
    tab: Tab, token: str, pages_server: PagesServer, client_id: str
) -> None:
    tab.connect(token)
    pages_server.send(client_id, "x")
    tab.wait_for_texts("x")
    tab.open("nonsense", "bad")
    tab.wait_for_events("error", "close", name="bad")
    assert all(is_socket for *_, is_socket in tab.log())
    counts = {(event, count) for _, event, _, count, *_ in tab.log()}
    assert counts == {("open", 0), ("message", 1), ("error", 1), ("close", 0)}


def test_handlers_are_copied_once_and_looked_up_at_each_call(
    tab: Tab, token: str, pages_server: PagesServer, client_id: str
) -> None:
    tab.run(
        """token => {
            window.h = handler('s');
            sockets.s = new goog.appengine.Channel(token).open(h);
            h.onmessage = function () { throw new Error('changed too late'); };
        }""",
        token,
    )
    tab.wait_for_events("open")
    pages_server.send(client_id, "to the copy")
    tab.wait_for_texts("to the copy")
    tab.run("() => { sockets.s.onmessage = e => log.push(['later', e.data]); }")
    pages_server.send(client_id, "to the later one")
    tab.until("log.some(entry => entry[1] === 'to the later one')")
    assert tab.run("errors") == []


def test_case_47_missing_members_do_nothing(
    tab: Tab, token: str, pages_server: PagesServer, client_id: str
) -> None:
    tab.run(
        """token => {
            var only = {onmessage: note('s', 'message'), onclose: 'no function'};
            sockets.s = new goog.appengine.Channel(token).open(only);
            sockets.bad = new goog.appengine.Channel('bad').open({onclose: null});
        }""",
        token,
    )
    tab.until("sockets.s.readyState === 1 && sockets.bad.readyState === 3")
    pages_server.send(client_id, "x")
    tab.wait_for_texts("x")
    tab.run("sockets.s.close()")
    tab.until("sockets.s.readyState === 3")
    assert tab.run("errors") == []


def test_case_48_the_state_is_open_when_onopen_runs(tab: Tab, token: str) -> None:
    tab.connect(token)
    assert tab.log() == [["s", "open", 1, 0, None, True]]


def test_case_49_data_is_the_text(
    tab: Tab, token: str, pages_server: PagesServer, client_id: str
) -> None:
    tab.connect(token)
    pages_server.send(client_id, '{"a":1}')
    tab.wait_for_texts('{"a":1}')
    assert tab.log()[1] == ["s", "message", 1, 1, {"data": '{"a":1}'}, True]


def test_case_50_every_text_arrives_exactly(
    tab: Tab, token: str, pages_server: PagesServer, client_id: str
) -> None:
    texts = [
        "zoë ☃ 😀 <b>&amp;",
        "one\ntwo\r\nthree\n",
        "a\u2028b\u2029c",
        "nul \0 and \x7f",
        "</script><script>",
        '{"id": 5}',
        " ",
        "x" * 32767,
        "é" * 16383,
    ]
    tab.connect(token)
    pages_server.send(client_id, *texts)
    tab.until("count => texts('s').length === count", len(texts))
    assert tab.texts() == texts


@pytest.mark.parametrize(
    "token", ["nonsense", "", "a b&c=d%+/?#é"], ids=["nonsense", "empty", "odd"]
)
def test_case_51_and_52_an_invalid_token_is_told_once(tab: Tab, token: str) -> None:
    assert tab.open(token) == 0
    tab.wait_for_events("error", "close")
    tab.settle()
    assert tab.log() == [
        ["s", "error", 2, 1, INVALID, True],
        ["s", "close", 3, 0, None, True],
    ]


@pytest.mark.parametrize("value", ["undefined", "null", "7", "{}"])
def test_case_53_a_token_that_is_no_text_throws(tab: Tab, value: str) -> None:
    thrown = tab.run(
        f"""() => {{
            var channel = new goog.appengine.Channel({value});
            try {{ channel.open(handler('s')); }}
            catch (error) {{ return error instanceof TypeError; }}
        }}"""
    )
    assert thrown is True
    assert tab.log() == []


@pytest.mark.slow
def test_case_54_and_55_and_128_a_token_ends_on_a_live_socket(
    tab: Tab, pages_server: PagesServer, client_id: str
) -> None:
    token = pages_server.token(client_id, minutes=1)
    tab.connect(token)
    began = tab.run("performance.now()")
    tab.run(
        """() => {
            sockets.s.onclose = function () {
                note('s', 'close').call(this);
                fetch('/token?id=' + encodeURIComponent('renewed'))
                    .then(answer => answer.text()).then(token => open(token, 'next'));
            };
        }"""
    )
    tab.wait_for_events("open", "error", "close", seconds=80)
    lasted = (tab.run("performance.now()") - began) / 1000
    assert 57 < lasted < 66
    assert tab.log("s")[1:] == [
        ["s", "error", 1, 1, TIMED_OUT, True],
        ["s", "close", 3, 0, None, True],
    ]
    tab.wait_for_events("open", name="next")
    pages_server.send("renewed", "goes on")
    tab.wait_for_texts("goes on", name="next")
    tab.open(token, "expired")
    tab.wait_for_events("error", "close", name="expired")
    assert tab.log("expired")[0] == ["expired", "error", 2, 1, TIMED_OUT, True]


def test_case_56_the_description_needs_no_reason_phrase(
    tab: Tab, pages_server: PagesServer
) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{pages_server.url}/_ah/channel/poll?token=x")
    # What HTTP/2 would carry.
    assert caught.value.reason == "Unauthorized"
    tab.open("x")
    tab.wait_for_events("error", "close")
    assert tab.log()[0][4] == INVALID


def test_case_57_close_is_told_later_and_once(tab: Tab, token: str) -> None:
    tab.connect(token)
    now = tab.run("() => [sockets.s.close(), sockets.s.readyState, log.length]")
    assert now == [None, 2, 1]
    tab.wait_for_events("open", "close")
    tab.run("sockets.s.close()")
    tab.settle()
    assert tab.log()[1:] == [["s", "close", 3, 0, None, True]]


def test_case_58_nothing_comes_after_close(
    tab: Tab, token: str, pages_server: PagesServer, client_id: str
) -> None:
    tab.connect(token)
    tab.run("sockets.s.close()")
    tab.connect(token, "other")
    pages_server.send(client_id, "x")
    tab.wait_for_texts("x", name="other")
    assert tab.events() == ["open", "close"]


def test_close_within_a_message_drops_those_behind_it(
    tab: Tab, token: str, pages_server: PagesServer, client_id: str
) -> None:
    tab.connect(token)
    tab.run(
        """() => {
            sockets.s.onmessage = function (event) {
                note('s', 'message').call(this, event);
                this.close();
                log.push(['s', 'close returned', this.readyState]);
            };
        }"""
    )
    pages_server.send(client_id, "1", "2", "3")
    tab.wait_for_events("open", "message", "close returned", "close")
    tab.settle()
    assert tab.events() == ["open", "message", "close returned", "close"]


def test_close_before_onopen_gives_onclose_only(tab: Tab, token: str) -> None:
    tab.run("token => { open(token); sockets.s.close(); }", token)
    tab.wait_for_events("close")
    tab.settle()
    assert tab.events() == ["close"]


def test_case_59_a_channel_opens_again(
    tab: Tab, token: str, pages_server: PagesServer, client_id: str
) -> None:
    tab.run(
        """token => {
            window.channel = new goog.appengine.Channel(token);
            sockets.s = channel.open(handler('s'));
        }""",
        token,
    )
    tab.wait_for_events("open")
    tab.run("sockets.s.close()")
    tab.wait_for_events("open", "close")
    tab.run("() => { sockets.again = channel.open(handler('again')); }")
    tab.wait_for_events("open", name="again")
    pages_server.send(client_id, "x")
    tab.wait_for_texts("x", name="again")


def test_case_60_close_within_the_last_events_is_harmless(tab: Tab) -> None:
    tab.run(
        """() => {
            sockets.s = new goog.appengine.Channel('bad').open({
                onerror: function (error) {
                    note('s', 'error').call(this, error);
                    this.close();
                },
                onclose: function () {
                    note('s', 'close').call(this);
                    this.close();
                }
            });
        }"""
    )
    tab.wait_for_events("error", "close")
    tab.settle()
    assert tab.events() == ["error", "close"]
    assert tab.run("errors") == []


def test_case_61_send_sends_nothing_and_throws_nothing(tab: Tab, token: str) -> None:
    assert tab.run("token => { open(token); return sockets.s.send('x'); }", token) is (
        False
    )
    tab.wait_for_events("open")
    assert tab.run("sockets.s.send('x')") is False
    tab.settle()
    assert tab.events() == ["open"]


def test_case_62_an_error_of_the_page_is_reported_and_stops_nothing(
    tab: Tab, token: str, pages_server: PagesServer, client_id: str
) -> None:
    tab.run(
        """token => {
            function failing(event) {
                return function (detail) {
                    note('s', event).call(this, detail);
                    throw new Error('on' + event + ' failed');
                };
            }
            sockets.s = new goog.appengine.Channel(token).open({
                onopen: failing('open'), onmessage: failing('message'),
                onclose: failing('close')
            });
            sockets.bad = new goog.appengine.Channel('bad').open({
                onerror: failing('error'), onclose: note('bad', 'close')
            });
        }""",
        token,
    )
    tab.until("sockets.s.readyState === 1")
    pages_server.send(client_id, "1", "2")
    tab.wait_for_texts("1", "2")
    tab.run("sockets.s.close()")
    tab.until("sockets.s.readyState === 3 && sockets.bad.readyState === 3")
    tab.until("errors.length === 5")
    seen = " ".join(tab.run("errors"))
    for name in ("onopen", "onmessage", "onerror", "onclose"):
        assert f"{name} failed" in seen
    assert "close" in tab.events("bad")


def test_case_63_without_a_body_open_throws_a_text(
    pages_server: PagesServer, pages: Callable[[], object]
) -> None:
    page: object = pages()
    page.goto(f"{pages_server.url}/head")  # type: ignore[attr-defined]
    assert page.evaluate("thrown") == [  # type: ignore[attr-defined]
        "string",
        "document.body is not defined -- do not create socket from script in <head>.",
    ]


def test_case_64_the_polling_knob_changes_nothing(
    tab: Tab,
    token: str,
    pages_server: PagesServer,
    client_id: str,
    wait_until: Callable[..., object],
) -> None:
    tab.run("() => { goog.appengine.Socket.POLLING_TIMEOUT_MS = 20000; }")
    tab.connect(token)
    wait_until(lambda: pages_server.presence(client_id))
    # Longer than the grace, after which a flapping page would be reported gone.
    tab.run("() => new Promise(done => setTimeout(done, 5000))")
    pages_server.send(client_id, "x")
    tab.wait_for_texts("x")
    assert pages_server.presence(client_id) == ["connected"]


def test_case_65_two_tabs_of_one_id_get_every_message(
    tab: Tab, pages_server: PagesServer, open_tab: OpenTab, client_id: str
) -> None:
    second = open_tab(pages_server.url, beside=tab)
    tab.connect(pages_server.token(client_id))
    second.connect(pages_server.token(client_id))
    pages_server.send(client_id, "x", "y")
    tab.wait_for_texts("x", "y")
    second.wait_for_texts("x", "y")


def test_case_39_every_client_id_works_in_the_browser(
    tab: Tab, pages_server: PagesServer, wait_until: Callable[..., object]
) -> None:
    query = tab.page.url.partition("?")[2]
    for plain in ("a-b-c", "user@example.com", "x y", "zoë", "a&b=c", "%41;+/#?'\""):
        client_id = f"{plain} {query}"
        tab.connect(pages_server.token(client_id), client_id)
        pages_server.send(client_id, f"for {client_id}")
        tab.wait_for_texts(f"for {client_id}", name=client_id)
        wait_until(lambda who=client_id: pages_server.presence(who) == ["connected"])


def test_case_79_close_is_reported_to_the_app(
    tab: Tab,
    token: str,
    pages_server: PagesServer,
    client_id: str,
    wait_until: Callable[..., object],
) -> None:
    tab.connect(token)
    wait_until(lambda: pages_server.presence(client_id) == ["connected"])
    tab.run("sockets.s.close()")
    both = ["connected", "disconnected"]
    wait_until(lambda: pages_server.presence(client_id) == both)


def test_the_marker_is_there_while_a_channel_lives(tab: Tab, token: str) -> None:
    assert tab.run("document.getElementById('wcs-iframe')") is None
    tab.open(token)
    assert tab.run("document.getElementById('wcs-iframe').offsetHeight") == 0
    tab.wait_for_events("open")
    tab.run("sockets.s.close()")
    tab.until("document.getElementById('wcs-iframe') === null")


def test_removing_the_marker_alone_changes_nothing(
    tab: Tab, token: str, pages_server: PagesServer, client_id: str
) -> None:
    tab.connect(token)
    tab.run("document.getElementById('wcs-iframe').remove()")
    pages_server.send(client_id, "x")
    tab.wait_for_texts("x")
    tab.run("sockets.s.close()")
    tab.wait_for_events("open", "message", "close")
    assert tab.run("errors") == []


def test_a_channel_whose_marker_was_removed_is_silent_once_another_opens(
    tab: Tab, token: str, pages_server: PagesServer, client_id: str
) -> None:
    tab.connect(token, "old")
    tab.run("document.getElementById('wcs-iframe').remove()")
    tab.connect(token, "new")
    assert tab.run("document.querySelectorAll('#wcs-iframe').length") == 1
    pages_server.send(client_id, "x")
    tab.wait_for_texts("x", name="new")
    tab.settle()
    assert tab.events("old") == ["open"]


# --- What apps built on top -----------------------------------------------------------


def test_an_app_renews_its_token_in_onerror(
    tab: Tab, pages_server: PagesServer, client_id: str
) -> None:
    tab.run(
        """id => {
            var channel = new goog.appengine.Channel('of yesterday');
            channel.open({onerror: function (error) {
                if (error.description !== 'Invalid+token.') { return; }
                fetch('/token?id=' + encodeURIComponent(id))
                    .then(answer => answer.text()).then(token => open(token));
            }});
        }""",
        client_id,
    )
    tab.wait_for_events("open")
    pages_server.send(client_id, "x")
    tab.wait_for_texts("x")


def test_an_app_that_closes_and_rebuilds_does_not_go_round_in_circles(
    tab: Tab, token: str, pages_server: PagesServer, client_id: str
) -> None:
    tab.run(
        """token => {
            window.built = 0;
            window.build = function (token) {
                built += 1;
                var old = document.getElementById('wcs-iframe');
                if (old) { old.parentNode.removeChild(old); }
                var own = handler('s' + built);
                own.onclose = function () { build(token); };
                sockets['s' + built] = new goog.appengine.Channel(token).open(own);
            };
            build(token);
        }""",
        token,
    )
    tab.wait_for_events("open", name="s1")
    tab.run("token => build(token)", token)
    tab.wait_for_events("open", name="s2")
    pages_server.send(client_id, "once")
    tab.wait_for_texts("once", name="s2")
    tab.settle()
    assert tab.run("built") == 2
    assert tab.events("s1") == ["open"]


def test_an_app_that_pings_itself_in_onopen_hears_it(
    tab: Tab, token: str, client_id: str
) -> None:
    tab.run(
        """([token, id]) => {
            var own = handler('s');
            own.onopen = function () {
                var form = new URLSearchParams({id: id, texts: '["ping"]'});
                fetch('/send', {method: 'POST', body: form});
            };
            sockets.s = new goog.appengine.Channel(token).open(own);
        }""",
        [token, client_id],
    )
    tab.wait_for_texts("ping")


def test_case_84_what_the_connected_handler_sends_arrives(
    tab: Tab, pages_server: PagesServer, client_id: str
) -> None:
    tab.connect(pages_server.token(f"greet {client_id}"))
    tab.wait_for_texts("welcome")
