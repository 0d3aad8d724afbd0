"""What people do with the apps that lean on the language or on late work."""

from __future__ import annotations

import json
import re
from hashlib import md5
from pathlib import Path

from tests.contract.sites import Answer, Site
from tests.legacy_apps.visits import Page, Person, eventually, find

OUTPUTS = Path(__file__).with_name("outputs")
"""What pages of the workshop print, as the original's Python 2.7 did."""


def play_auction(site: Site) -> None:
    ann, bob = Person(site), Person(site)
    made = ann.ask("/new", form={"title": " Ein alter Hüt ", "extra": '{"n": [1]}'})
    assert made.status == 200, site.output()[-4000:]
    key = made.json["key"]
    assert made.json["house"] == "main"
    assert made.json["words"] == 3
    watch = {"a": key, "name": "ann@x/1"}
    text = ann.text("/watch", query=watch)
    assert "<title>Ein alter Hüt</title>" in text
    assert "<p>0 bids, least 1.00 EUR</p>" in text
    token = r"Channel\('([^']+)'\)"
    anns = Page(site, find(token, text))
    bobs = Page(site, find(token, bob.text("/watch", query={**watch, "name": "Bob"})))

    def bid(person: Person, name: str, amount: str) -> Answer:
        return person.ask("/bid", form={"a": key, "name": name, "amount": amount})

    assert bid(ann, "ann@x/1", "1.99").json == {"bids": 1, "least": 208}
    heard = anns.hear_json()
    assert heard == {
        "kind": "bid",
        "auction": key,
        "bidder": "ann@x/1",
        "amount": "1.99",
        "least": "2.08",
        "total": 199,
        "queue": True,
    }
    assert bobs.hear_json() == heard
    low = bid(bob, "Bob", "2.07")
    assert low.status == 409
    assert json.loads(low.body) == {"error": "2.07 is less than 2.08"}
    nonsense = json.loads(bid(bob, "Bob", "much").body)["error"]
    assert nonsense.endswith(": much") or nonsense.endswith("'much'")
    assert bid(bob, "Bob", "10").json == {"bids": 2, "least": 1050}
    assert bobs.hear_json()["total"] == 1199
    assert anns.hear_json()["amount"] == "10.00"
    assert ann.ask("/close", form={"a": key}).json == "going"
    for page in (anns, bobs):
        assert page.hear_json()["lap"] == 1
        assert page.hear_json()["lap"] == 2
        sold = page.hear_json()
        assert (sold["kind"], sold["to"]) == ("sold", "Bob")
        assert sold["proof"] == "#" + md5(b"Bob:1000").hexdigest()[:8]
        assert sold["notes"] == [["Bob", [1000]], ["ann@x/1", [199]]]
    text = ann.text("/watch", query=watch)
    assert "<p>2 bids, least 10.50 EUR</p>" in text
    assert "<li>Bob: 1000</li>" in text

    form = {"title": "Pan", "house": "other"}
    other = ann.ask("/new", form=form).json["key"]
    moved = {"name": "Bob", "a": key, "to": other}
    assert ann.ask("/move", form=moved).json == "moved"

    def listed() -> bool:
        ask = ann.ask("/list?house=other").json
        if not (ask["titles"] and ask["cached"]):
            return False
        assert ask["cached"] == ["Pan"]
        assert ask == {**ask, "titles": ["Pan"], "words": [1], "extra": [{}]}
        found = ann.ask("/list").json
        return bool(found["titles"] == ["Ein alter Hüt"] and found["cached"])

    eventually(listed)
    assert ann.ask("/work/bid", body=b"").status == 302


def play_workshop(site: Site) -> None:
    visitor = Person(site)
    for name in ("classes", "old", "run_pipeline", "order", "broken"):
        seen = visitor.text(f"/{name}")
        expected = (OUTPUTS / f"workshop_{name}.txt").read_text(encoding="utf-8")
        assert seen.splitlines() == expected.splitlines(), site.output()[-2000:]
    source = "import math\nfor n in xrange(4):\n    total += n\nprint 'total', total\n"
    seen = visitor.text("/dynamic", query={"source": source})
    expected = (OUTPUTS / "workshop_dynamic.txt").read_text(encoding="utf-8")
    assert seen.splitlines() == expected.splitlines()
    wrong = visitor.text("/dynamic", query={"source": "print 'x'\n  y = 1"})
    assert wrong.startswith("IndentationError: unexpected indent")
    # A channel of a library that calls the service itself.
    token, error = visitor.text("/channels").splitlines()
    assert error == "InvalidChannelClientIdError"
    page = Page(site, token)
    eventually(lambda: visitor.text("/channels") and page.poll() == "by hand")


def play_scoreboard(site: Site) -> None:
    ann = Person(site)
    page = Page(site, ann.text("/?id=ann@x"))
    for name in ("red", "blue"):
        assert ann.ask("/teams", form={"name": name}).status == 201
    refused = ann.ask("/score/green", form={"points": "1"})
    assert refused.status == 400
    assert b"no team green" in refused.body

    def is_told() -> bool:
        assert ann.ask("/score/red", form={"points": "1"}).status == 200
        return bool(re.fullmatch(r"1\. red \d+\n2\. blue 0", page.poll()))

    eventually(is_told)
    assert [name for name, _ in ann.ask("/teams").json] == ["red", "blue"]
    assert ann.ask("/").status == 400


def play_halfway(site: Site) -> None:
    ann = Person(site)
    text = ann.text("/")
    assert "<i>Base</i><i>Item</i>" in text
    Page(site, find(r'Channel\("([^"]+)"\)', text))
    page = Page(site, ann.text("/token?name=Éva".replace("É", "%C3%89")))
    plain = {"Content-Type": "text/plain; charset=utf-8"}
    told = ann.text("/tell/%C3%89va", body="ça va?".encode(), headers=plain)
    assert told == "%C3%89va, 7 bytes"
    assert page.hear() == "ça va?"
    empty = ann.ask("/tell/%C3%89va", body=b"")
    assert (empty.status, empty.body) == (400, b"not sent: InvalidMessageError")
    counts = ann.text("/summary", form={"pomme": "6", "poêre": "1", "été": "0"})
    assert counts.splitlines() == [
        "été × 0 | 0.0 | 0 | False | 0.0",
        "poêre × 1 | 0.25 | 0 | True | 0.5",
        "pomme × 6 | 1.5 | 1 | True | 3.0",
        '{"p": ["poêre", "pomme"], "é": ["été"]}',
    ]
    assert ann.ask("/summary", form={}).body == b"bad: 400"
    sent = ann.ask("/count/a", form={"y": "1", "x": "2"})
    assert sent.status == 302
    count = ann.ask("/count/a").json
    assert count["names"] == ["x", "y"]
    assert count["share"] == 0
    assert count["text"] == "café"
    assert isinstance(count["key"], str)
    assert ann.text("/box/5/3") == "30 2.5 by 1 [9, 15]"
    assert ann.text("/raise").startswith("again: invalid literal for int()")
