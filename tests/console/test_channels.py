"""The pages of the channels, with brokers that answer at once, and later."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from channelshim import limits
from channelshim.console.channel import TAIL_TEXTS
from channelshim.protocol.tokens import client_id_text
from tests.console.site import HOSTILE, Site, is_escaped

WaitUntil = Callable[..., Any]


def channel(client_id: str, **query: str) -> str:
    more = "".join(f"&{name}={quote(value)}" for name, value in query.items())
    return f"/channels/id?id={quote(client_id)}{more}"


def facts_of(site: Site, client_id: str, **query: str) -> Any:
    return site.client.get(channel(client_id, format="json", **query)).json


def test_known_ids_are_listed_with_what_there_is_to_see(
    any_site: Site, wait_until: WaitUntil
) -> None:
    site = any_site
    site.attach("ann")
    site.attach("ann")
    site.instance.broker.expect("bob")
    wait_until(lambda: len(site.connections("ann")) == 2)
    site.post(channel("ann"), "send", message="hello")
    wait_until(lambda: facts_of(site, "ann")["known"]["kept_messages"] == 1)
    ann, bob = site.client.get("/channels?format=json").json["ids"]
    assert (ann["client_id"], ann["pages"], ann["is_connected"]) == ("ann", 2, True)
    assert (ann["kept_messages"], ann["kept_bytes"]) == (1, 5)
    assert (bob["client_id"], bob["pages"], bob["is_connected"]) == ("bob", 0, False)
    assert bob["expected_seconds"] > 1
    page = site.client.get("/channels").text
    assert page.index("ann") < page.index("bob")


def test_lists_of_ids_go_on(site: Site) -> None:
    for number in range(5):
        site.instance.broker.expect(f"{HOSTILE}{number}")
    seen: list[str] = []
    place: str | None = "/channels?limit=2"
    while place:
        answer = site.client.get(f"{place}&format=json").json
        seen += [row["client_id"] for row in answer["ids"]]
        assert is_escaped(site.client.get(place).text)
        place = answer["next"]
    assert seen == [f"{HOSTILE}{number}" for number in range(5)]


@pytest.mark.parametrize(
    "client_id", [HOSTILE, "a b&c=d#e?f%", "Grüße 你好", client_id_text(b"\xff\x00x")]
)
def test_id_of_any_text_has_its_page(any_site: Site, client_id: str) -> None:
    site = any_site
    site.instance.broker.expect(client_id)
    (row,) = site.client.get("/channels?format=json").json["ids"]
    facts = site.client.get(f"{row['path']}&format=json").json
    assert facts["client_id"] == client_id
    page = site.client.get(row["path"])
    assert is_escaped(page.text)
    site.post(row["path"], "send", message=HOSTILE)
    assert is_escaped(site.client.get(row["path"]).text)


@pytest.mark.parametrize("client_id", ["", "x" * 257, "ü" * 129])
def test_id_that_cannot_be_is_refused(site: Site, client_id: str) -> None:
    site.client.get(channel(client_id), status=400)


def test_page_shows_its_connections(any_site: Site, wait_until: WaitUntil) -> None:
    site = any_site
    first, second = site.attach("ann"), site.attach("ann")
    wait_until(lambda: len(site.connections("ann")) == 2)
    first.user_agent = HOSTILE
    facts = facts_of(site, "ann")
    one, two = facts["pages"]
    assert one["user_agent"] == HOSTILE
    assert one["transport"] == "websocket"
    assert one["opened_at"] == pytest.approx(site.instance.clock.time(), abs=600)
    assert (one["behind"], one["waiting_bytes"]) == (0, 0)
    assert one["key"] != two["key"]
    page = site.client.get(channel("ann")).text
    assert is_escaped(page)
    site.post(channel("ann"), "disconnect", key=one["key"])
    wait_until(lambda: first.end == "expired")
    assert second.end == ""
    site.post(channel("ann"), "disconnect", key="nothing")
    site.post(channel("ann"), "disconnect")
    wait_until(lambda: second.end == "expired")
    assert facts_of(site, "ann")["pages"] == []


def test_message_reaches_the_pages(any_site: Site, wait_until: WaitUntil) -> None:
    site = any_site
    page, other = site.attach("ann"), site.attach("bob")
    wait_until(lambda: site.connections("ann") and site.connections("bob"))
    site.post(channel("ann"), "send", message=HOSTILE)
    wait_until(lambda: page.texts == [HOSTILE])
    site.post("/channels", "send_all", message="to all")
    wait_until(lambda: page.texts[1:] == other.texts == ["to all"])


@pytest.mark.parametrize("message", ["", "x" * (limits.MAXIMUM_MESSAGE_LENGTH + 1)])
def test_message_that_the_app_could_not_send_is_refused(
    site: Site, message: str
) -> None:
    for path, action in ((channel("ann"), "send"), ("/channels", "send_all")):
        site.post(path, action, message=message, status=400)


def test_message_to_an_unknown_id_says_that_nobody_gets_it(site: Site) -> None:
    answer = site.post(channel("nobody"), "send", message="x").follow()
    assert "Nobody gets it" in answer.text


def test_token_is_shown_and_opens_the_channel(any_site: Site) -> None:
    site = any_site
    facts = site.post(channel("ann", format="json"), "token", minutes="5").json
    claims = site.instance.tokens.verify(
        facts["token_made"], site.instance.clock.time()
    )
    assert claims.client_id == "ann"
    assert claims.expires_at == pytest.approx(
        site.instance.clock.time() + 5 * 60, abs=60
    )
    page = site.post(channel("ann"), "token", minutes="5")
    assert page.status_int == 200
    assert "good for whoever has it" in page.text
    for minutes in ("0", "1441", "x"):
        site.post(channel("ann"), "token", minutes=minutes, status=400)


def test_presence_can_be_made_to_happen(site: Site) -> None:
    for what in ("connected", "disconnected"):
        answer = site.post(channel("ä b"), what).follow()
        assert f"The app was told {what}, and answered 200." in answer.text
        expected = ("POST", f"/_ah/channel/{what}/", b"from=%C3%A4+b")
        assert site.seen[-1] == expected


# --- The tail -------------------------------------------------------------------------


def test_tail_goes_on_where_it_was(any_site: Site, wait_until: WaitUntil) -> None:
    site = any_site
    site.instance.broker.expect("ann")
    site.post(channel("ann"), "send", message="one")
    wait_until(lambda: facts_of(site, "ann")["tail"]["texts"] == ["one"])
    number = facts_of(site, "ann")["tail"]["number"]
    site.post(channel("ann"), "send", message=HOSTILE)

    def following() -> Any:
        return facts_of(site, "ann", tail=str(number))["tail"]

    wait_until(lambda: following()["texts"])
    assert following() == {"number": number + 1, "texts": [HOSTILE], "missed": 0}
    for bad in ("x", "-1", "9" * 40):
        site.client.get(channel("ann", tail=bad), status=400)


def test_tail_is_bounded_and_says_what_it_missed(
    site: Site, wait_until: WaitUntil
) -> None:
    broker = site.instance.broker
    number = broker.expect("ann")
    for count in range(TAIL_TEXTS + 10):
        broker.publish("ann", str(count))
    wait_until(lambda: facts_of(site, "ann")["known"]["number"] > number + TAIL_TEXTS)
    tail = facts_of(site, "ann", tail=str(number))["tail"]
    assert len(tail["texts"]) == TAIL_TEXTS
    rest = facts_of(site, "ann", tail=str(tail["number"]))["tail"]
    assert len(rest["texts"]) == 10
    earlier = facts_of(site, "ann", tail=str(number - 3))["tail"]
    assert earlier["missed"] == 3
    long_ago = facts_of(site, "ann", tail="1")["tail"]
    assert long_ago["missed"] == 0


def test_long_messages_are_cut_in_the_tail(site: Site, wait_until: WaitUntil) -> None:
    broker = site.instance.broker
    broker.expect("ann")
    for _ in range(100):
        broker.publish("ann", "x" * limits.MAXIMUM_MESSAGE_LENGTH)
    wait_until(lambda: facts_of(site, "ann")["known"]["kept_messages"])
    answer = site.client.get(channel("ann", format="json"))
    assert len(answer.body) < 400_000
    assert len(json.loads(answer.text)["tail"]["texts"][0]) < 5000


def test_channel_of_the_consoles_own_tells_what_is_sent(
    any_site: Site, wait_until: WaitUntil
) -> None:
    from tests.hub.parts import Page

    site = any_site
    site.instance.broker.expect("ann")
    answer = site.post(channel("ann", format="json"), "tail")
    tails = site.tails
    claims = tails._tokens.verify(answer.json["token"], site.instance.clock.time())
    page = Page(claims.client_id)

    async def attach() -> None:
        tails._hub.attach(page, claims.number, None)

    wait_until(lambda: claims.client_id in tails._tails)
    site.run(attach())
    wait_until(lambda: tails._tails[claims.client_id]._after is not None)
    site.post(channel("ann"), "send", message=HOSTILE)
    wait_until(lambda: page.texts)
    event = json.loads(page.texts[0])
    assert (event["texts"], event["missed"]) == ([HOSTILE], 0)
    # The app's own channels know nothing of it, and its handlers heard nothing.
    assert claims.client_id not in {
        each.client_id for each in site.front.overview.known_ids()
    }
    assert site.front.overview.counts().connections == 0
    assert site.seen == []

    async def detach() -> None:
        tails._hub.detach(page)

    site.run(detach())
    wait_until(lambda: not tails._tails[claims.client_id].is_open)
    # It comes back with the same token, after however long, and misses nothing.
    site.post(channel("ann"), "send", message="meanwhile")
    page = Page(claims.client_id)
    site.run(attach())

    def told() -> list[str]:
        return [each for event in page.texts for each in json.loads(event)["texts"]]

    wait_until(lambda: told() == [HOSTILE, "meanwhile"])
