"""What people do with each app, and what they must see, on either server."""

from __future__ import annotations

import html
import json
import re
import struct
import zlib
from base64 import b64decode
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from hashlib import md5
from pathlib import Path
from urllib.parse import urlsplit

from tests.contract.sites import Answer, Site
from tests.legacy_apps.visits import Page, Person, eventually, feed

Scenario = Callable[[Site], None]


OUTPUTS = Path(__file__).with_name("outputs")
"""What pages of the workshop print, as the original's Python 2.7 did."""


def find(pattern: str, text: str) -> str:
    """Return the first group of a pattern that must be in a text."""
    found = re.search(pattern, text, re.DOTALL)
    assert found is not None, (pattern, text)
    return found[1]


def age_seconds(answer: Answer) -> int:
    """Return how long an answer may be kept, said in either of two ways."""
    control = answer.headers["Cache-Control"]
    if "max-age" in control:
        return int(find(r"max-age=(\d+)", control))
    expires = parsedate_to_datetime(answer.headers["Expires"])
    return int(
        (expires - parsedate_to_datetime(answer.headers["Date"])).total_seconds()
    )


def play_nim(site: Site) -> None:
    ann = Person(site, "ann.oneil@example.com")
    bob = Person(site, "bob@gmail.com")
    assert Person(site).ask("/?g=deep").status == 302
    name = find(r"\?g=([a-zA-Z]{8})$", ann.ask("/").headers["Location"])

    text = ann.text(f"/?g={name}")
    assert "<title>Nim " + name in text
    assert '<b id="heap">21</b>, turn: <b id="turn">first</b>' in text
    find(r"started (20\d\d), 0 moves</p>", text)
    find('initial = {.*"half": (10)', text)
    token = r"Channel\('([^']+)'\)"
    anns = Page(site, find(token, text))
    bobs = Page(site, find(token, bob.text(f"/?g={name}")))

    move = {"g": name, "stones": "3", "remark": "<well>"}
    assert ann.text("/move", form=move) == "ok"
    heard = anns.hear_json()
    assert heard == {"heap": 18, "half": 9, "turn": "second", "over": False}
    assert bobs.hear_json() == heard

    refused = ann.ask("/move", form=move)
    assert refused.status == 409
    assert refused.body == b"Sorry: not your turn"
    refused = bob.ask("/move", form={**move, "stones": "4"})
    assert refused.body == b"Sorry: take 1 to 3"
    assert bob.text("/move", form={**move, "stones": "2", "remark": ""}) == "ok"
    assert bobs.hear_json()["heap"] == 16
    assert anns.hear_json()["heap"] == 16

    text = ann.text(f"/?g={name}")
    assert '<li>1. annoneilexamplecom took 3: "&lt;well&gt;"</li>' in text
    assert "<li>2. bob took 2</li>" in text
    assert "2 moves" in text
    logout = urlsplit(html.unescape(find('<a href="([^"]+)">leave, ann', text)))

    def is_scored() -> bool:
        scores = ann.text("/score")
        find(r"^games at start: (\d+)\n", scores)
        return "annoneilexamplecom: 1 moves, average 3, most 3\nbob: 1 moves" in scores

    eventually(is_scored)
    assert ann.ask(f"/admin/age/{name}").status in (302, 401)
    root = Person(site, "root@example.com", is_admin=True)
    assert root.text(f"/admin/age/{name}") == "0 days"
    assert Person(site).text("/robots.txt").startswith("User-agent")
    assert "function show" in Person(site).text("/static/nim.js")
    for _ in range(4):
        bob_or_ann = (ann, bob)[_ % 2]
        assert bob_or_ann.text("/move", form={**move, "stones": "3"}) == "ok"
    assert ann.text("/move", form={**move, "stones": "3"}) == "ok"
    assert bob.text("/move", form={**move, "stones": "1"}) == "ok"
    last = anns.hear_until(lambda heard: '"over": true' in heard)
    assert '"winner": "ann.oneil@example.com"' in last
    assert ann.ask(f"{logout.path}?{logout.query}").status == 302
    assert ann.ask(f"/?g={name}").status == 302


def play_parlour(site: Site) -> None:
    ann, bob, stranger = Person(site), Person(site), Person(site)
    arrival = ann.ask("/?room=caf%C3%A9&name=Ann")
    assert arrival.status == 200, site.output()[-5000:]
    assert arrival.headers["Content-Type"] == "text/html; charset=utf-8"
    assert arrival.headers["X-Room-Hash"] == md5("café".encode()).hexdigest()
    text = arrival.body.decode("utf-8")
    assert "<h1>café</h1>" in text
    assert "Hello Ann, there are 1 here, visit 1." in text
    assert ann.cookies["name"] == "Ann"
    assert len(ann.cookies["ident"]) == 32
    tokens = r"mine = new goog.appengine.Channel\('([^']+)'\)"
    anns = Page(site, find(tokens, text))
    wall = Page(site, find(r"wall = new goog.appengine.Channel\('([^']+)'\)", text))

    text = bob.text("/?room=caf%C3%A9&name=B%26b")
    assert "Hello B&amp;b, there are 2 here, visit 1." in text
    bobs = Page(site, find(tokens, text))
    find("Hello (guest-[a-zA-Z0-9]{4}), ", stranger.text("/"))

    say = {"room": "café", "text": "un thé <noir>?"}
    assert ann.text("/say", form=say) == "line 1 of 19 letters to 2 people\n"
    for page in (anns, bobs, wall):
        assert page.hear() == "Ann: un thé <noir>?"
    told = bob.text("/say", form={**say, "text": "/me nods"})
    assert told == "line 2 of 10 letters to 2 people\n"
    for page in (anns, bobs, wall):
        assert page.hear() == "* B&b nods"
    assert ann.ask("/say", form={**say, "text": " "}).body == b"no text\n"
    nobody = Person(site).ask("/say", form=say)
    assert (nobody.status, nobody.body) == (400, b"no name\n")

    text = ann.text("/?room=caf%C3%A9")
    assert "Hello Ann, there are 2 here, visit 2." in text
    assert "Ann: un thé &lt;noir&gt;?\n* B&amp;b nods" in text

    left = bob.ask("/leave?room=caf%C3%A9")
    assert left.status == 302
    assert left.headers["Location"] == f"http://{site.host}/?room=caf%C3%A9"
    assert anns.hear() == "B&b has left"
    assert not bob.cookies["ident"].strip('"')
    again = Person(site)
    again.cookies = {"name": "B&b"}
    assert (
        again.ask("/leave?room=caf%C3%A9")
        .headers["Location"]
        .endswith("/?room=caf%C3%A9&unknown=B%26b")
    )

    seen = ann.text("/variables/a%20b?q=%C3%A9", body=b"\xc3\xa9\xff")
    assert seen.splitlines() == [
        "REQUEST_METHOD   'POST'",
        "PATH_INFO        '/variables/a b'",
        "QUERY_STRING     'q=%C3%A9'",
        "SERVER_NAME      'localhost'",
        "SERVER_PROTOCOL  'HTTP/1.1'",
        "APPLICATION_ID   'parlour'",
        "True __main__",
        "True True",
        r"'\xc3\xa9\xff'",
    ]


def play_switchboard(site: Site) -> None:
    visitor = Person(site)
    room = find(r"\?r=(\d{8})$", visitor.ask("/").headers["Location"])
    token = r"Channel\('([^']+)'\)"
    text = visitor.text(f"/?r={room}&u=7")
    assert "initiator = 0" in text
    assert '{"iceServers": [{"url": "stun:stun.example.org"}]}' in text
    assert "7, 100% peer to peer" in text
    first = Page(site, find(token, text))

    def offer(text: str, user: str = "7") -> str:
        path = f"/message?r={room}&u={user}"
        return visitor.text(path, body=text.encode("utf-8"))

    sdp = '{"type": "offer", "sdp": "useinbandfec=1 é☎"}'
    stereo = sdp.replace("=1", "=1; stereo=1")
    assert offer(sdp) == f"0 of {len(stereo.encode())} bytes"
    text = visitor.text(f"/?r={room}&u=8&by=token")
    assert "initiator = 1" in text
    second = Page(site, find(token, text))
    assert second.hear() == stereo
    assert first.hear_json() == {"type": "here", "from": "8"}
    assert offer('{"type": "answer"}', "8") == "1 of 18 bytes"
    assert first.hear() == '{"type": "answer"}'
    candidate = '{"type": "candidate"}'
    assert offer(candidate).startswith("1 of")
    assert second.hear() == candidate
    full = visitor.ask(f"/?r={room}&u=9")
    assert (full.status, full.body) == (503, f"room {room} is full".encode())
    second.close()
    # The platform says to the app who has gone.
    assert first.hear_json() == {"type": "bye", "from": "8"}

    assert visitor.ask("/message?r=none&u=1", body=b"{}").status == 404
    assert visitor.ask("/message?r=none&u=1", body=b"x" * 32768).status == 413
    assert visitor.ask("/?r=long&u=" + "x" * 250).status == 400
    answer = visitor.ask("/token?r=5&u=ann@example.com&minutes=90")
    assert answer.status == 200, site.output()[-3000:]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    page = Page(site, answer.json["token"])
    assert page.poll() == ""
    ticket = answer.json["ticket"]
    assert "=" not in ticket
    assert visitor.text(f"/ticket/{ticket}") == "5/ann@example.com real"
    text = visitor.text("/token?r=5&u=bob&callback=my.call")
    assert text.startswith('my.call({"')
    assert text.endswith('"});')
    assert visitor.ask("/token", method="OPTIONS").status == 200
    # From outside, only an admin may say who is there.
    assert visitor.ask("/_ah/channel/connected/", form={"from": "x"}).status != 200
    assert "ur'C:" in visitor.text("/agent")


XML_FEED = """<?xml version="1.0" encoding="utf-8"?>
<feed><bus id="b2" line="11" stop="Berg" lat="52.0" lon="9.5"/>
<bus id="b1" line="7" stop="Brücke" lat="52.25" lon="9.5"/></feed>
"""
CSV_FEED = "id;line;stop;at\r\nb1;7;Brücke;52.26/9.5\r\nb2;11;Berg;52.0/9.5\r\n"


def play_busmap(site: Site) -> None:
    visitor = Person(site)
    root = Person(site, "root@example.com", is_admin=True)
    text = visitor.text("/?line=7")
    assert "<title>2 lines</title>" in text
    assert "<p>7: Hafen via Markt, Brücke, Hafen</p>" in text
    assert "<p>11: Über&#39;m Berg via Markt, Berg</p>" in text
    page = Page(site, find(r'Channel\("([^"]+)"\)', text))

    assert visitor.ask("/tasks/refresh").status == 302
    with feed(XML_FEED.encode("utf-8"), "text/xml; charset=utf-8") as url:
        # Until the watcher's entity is seen by queries.
        def is_told() -> str:
            assert root.text("/tasks/clean").endswith(" deleted")
            root.text("/tasks/refresh", query={"url": url})
            return page.poll()

        heard = json.loads(eventually(is_told))
        assert heard == {
            "at": "52.25,9.5",
            "id": "b1",
            "line": 7,
            "moved": None,
            "name": "Hafen",
            "text": "№ 7 → Brücke",
        }
        assert root.text("/tasks/refresh", query={"url": url}) == "0 changed"
        failed = root.ask("/tasks/refresh", query={"url": url + "/missing"})
        assert (failed.status, failed.body) == (502, b"feed says 404")
        failed = root.ask("/tasks/refresh", query={"url": url + "?format=kml"})
        assert failed.body == b"unknown format 'kml'"
    with feed(CSV_FEED.encode("utf-8"), "text/csv") as url:
        assert root.text("/tasks/refresh", query={"url": url}) == "1 changed"
    assert page.hear_until(lambda heard: "null" not in heard).count('"moved": 1110')
    cron = {"X-AppEngine-Cron": "true"}
    assert visitor.ask("/tasks/clean", headers=cron).status == 302

    assert root.text("/tasks/stops") == "Berg, Brücke, Hafen, Markt"
    assert visitor.ask("/find?q=br%C3%BCcke").json == ["Brücke"]
    assert visitor.ask("/find?q=plain:markt").json == ["Markt"]
    assert visitor.ask("/mine").status == 302
    assert root.text("/mine").startswith('root@example.com, <a href="')

    icon = visitor.ask("/bus.gif")
    assert icon.body.startswith(b"GIF89a")
    assert icon.headers["Content-Type"] == "image/gif"
    assert age_seconds(icon) == 612000
    script = visitor.ask("/js/map-v12.js")
    assert script.body.startswith(b"var buses")
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert script.headers["X-Map"] == "bus"
    assert age_seconds(script) == 600
    assert visitor.ask("/static/js/map.js").body == script.body


def play_tinyweb(site: Site) -> None:
    ann = Person(site)
    named = {"X-Name": "Ann"}
    assert ann.text("/", headers=named) == "Hello — visit 1, Ann"
    again = ann.ask("/", headers=named)
    assert again.body.decode("utf-8") == "Hello — visit 2, Ann"
    assert again.headers["X-Powered-By"] == "tinyweb/0.3"
    assert again.headers["Content-Length"] == str(len(again.body))

    path = "/shelf/caf%C3%A9"
    text = ann.text(path)
    assert "<title>café</title>" in text
    assert "<p>No books.</p>" in text
    page = Page(site, find(r'Channel\("([^"]+)"\)', text))
    added = ann.ask(path, form={"title": "L'Étranger & Co", "rating": "4.5"})
    assert added.status == 303, site.output()[-3000:]
    assert urlsplit(added.headers["Location"]).path == path
    assert page.hear() == "café: +L'Étranger & Co"
    cover = bytes(range(256)) + b"\xc3\xa9"
    body = b"".join(
        b"--b0undary\r\nContent-Disposition: form-data; name=" + part + b"\r\n"
        for part in (
            b'"title"\r\n\r\n \xc3\x9cber',
            b'"cover"; filename="c.png"\r\nContent-Type: image/png\r\n\r\n' + cover,
        )
    )
    form = {"Content-Type": "multipart/form-data; boundary=b0undary"}
    added = ann.ask(path, body=body + b"--b0undary--\r\n", headers=form)
    assert added.status == 303, site.output()[-3000:]
    assert page.hear() == "café: +Über"
    shown = ann.ask("/cover/caf%C3%A9/2")
    assert shown.body == cover
    assert shown.headers["ETag"] == f'"{md5(cover).hexdigest()}"'
    assert shown.headers["Content-Type"] == "image/png"
    text = ann.text(path)
    assert "<li>1. „L'Étranger &amp; Co“ (15)</li>" in text
    assert "<li>2. „Über“ (4)</li>" in text
    listed = ann.ask("/list/caf%C3%A9.json")
    assert listed.headers["Content-Type"] == "application/json"
    assert listed.json == {"titles": ["L'Étranger & Co", "Über"], "average": "2.25"}

    refused = ann.ask(path, form={"title": " "})
    assert refused.status == 400
    assert refused.body == b"400: A book without a &lt;title&gt;"
    assert ann.text("/stream/3") == "ééé0\n1\n2\n"
    ann.ask("/login/ann/%C3%A9")
    assert ann.text("/who") == "ann/é"
    ann.cookies["user"] = "root!0123456789"
    assert ann.text("/who") == "nobody"
    broken = ann.ask("/broken")
    assert (broken.status, broken.body) == (500, b"KeyError: 'no such key' in broken")
    assert ann.ask("/answer/none").body == b""
    assert ann.ask("/answer/str").body == "ä".encode()
    assert ann.ask("/answer/unicode").body == "ä".encode()
    assert ann.ask("/answer/bytes").body == b"\xff\xd8"
    missing = ann.ask("/no/%3Cplace")
    assert (missing.status, missing.body) == (404, b"<h1>Not here: /no/&lt;place</h1>")
    wrong = ann.ask("/who", body=b"")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET")
    # The page's presence was posted to a handler that only has GET; no harm done.
    assert page.poll() == ""


def play_mounted(site: Site) -> None:
    ann = Person(site)
    home = ann.ask("/")
    assert home.status == 200, site.output()[-3000:]
    assert home.headers["X-Middleware"] == "on"
    assert b"<h1>Mountedyes</h1>" in home.body
    assert b'<a href="/room/new%20room">new</a>' in home.body
    token = r"Channel\('([^']+)'\)"
    anns = Page(site, find(token, ann.text("/room/ann")))
    assert anns.hear_json() == {"text": "Welcome, Ann"}
    bobs = Page(site, find(token, Person(site).text("/room/bob")))
    assert bobs.hear_json() == {"text": "Welcome, Bob"}
    assert anns.hear_json() == {"text": "Bob came", "here": ["Ann", "Bob"]}
    assert "<b>1Ann</b><b>2Bob</b>" in ann.text("/")
    assert ann.ask("/_beacon/say", form={"text": "hé!"}).status == 204
    for page in (anns, bobs):
        assert page.hear_json() == {"text": "hé!", "here": ["Ann", "Bob"]}
    log = ann.ask("/_beacon/log").json
    assert log == {"last": "hé!", "file": "beacon.service", "limit": 3}
    bobs.close()
    assert anns.hear_json() == {"text": "Bob went", "here": ["Ann"]}

    carl = Page(site, find(token, Person(site).text("/room/carl")))
    assert carl.hear_json()["text"] == "Welcome, Carl"
    assert Person(site).ask("/room/dora").status == 200
    full = Person(site).ask("/room/eve")
    assert full.status == 503
    assert b"more than 3" in full.body
    outside = ann.ask("/_ah/channel/connected/", form={"from": "b:mallory"})
    assert outside.status != 200

    first = ann.ask("/account/visit").json
    assert first == {"count": 0.5, "half": 0, "name": "ann", "linked": True}
    second = ann.ask("/account/visit").json
    assert (second["count"], second["half"]) == (1.0, 1)
    assert ann.ask("/account/forget").status == 405
    assert ann.ask("/account/forget", body=b"").json == "gone"
    assert ann.ask("/account/visit").json["name"] is None
    moved = ann.ask("/old/ann")
    assert urlsplit(moved.headers["Location"]).path == "/room/ann"
    assert ann.text("/shared/note.txt") == "shared text\n"
    assert "function beacon" in ann.text("/_beacon/static/beacon.js")


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


def play_zipped(site: Site) -> None:
    ann = Person(site)
    lines = ann.text("/feed").splitlines()
    assert lines[0] == "2004b-own 2010-01-02T03:04:00+05:30 IST 0.4"
    assert "Date: Sun, 09 Sep 2001 01:46:40 -0000" in lines
    assert lines[-1] == "libs.zip"
    text = ann.text("/")
    assert '<h1 style="background: #ffe">Notes of Zoë</h1>' in text
    assert "<!-- no 'notes/nothing' -->" in text
    page = Page(site, find(r"Channel\('([^']+)'\)", text))
    note = "== Café ==\n\nA *bold_ _été_ -- <see> http://x.org/?a\n\n- one\n- *two*"
    note = note.replace(" ==\n", "\n").replace("*bold_", "*bold*")
    raw = note.encode()
    head = b"\xca\xfe" + struct.pack(">HiB", len(raw), _signed(zlib.crc32(raw)), 7)
    assert ann.text("/add", form={"text": note}) == (head + raw).hex()
    assert b64decode(page.hear()) == head + raw
    eventually(lambda: "<h2>Café</h2>" in ann.text("/"))
    text = ann.text("/")
    assert "<p>A <b>bold</b> <i>été</i> – &lt;see>" in text
    assert '<a href="http://x.org/?a">http://x.org/?a</a></p>' in text
    assert "<ul><li>one</li><li><b>two</b></li></ul>" in text

    frame = ann.ask("/frame/1")
    assert frame.status == 200, site.output()[-3000:]
    plain = bytes(b ^ b"\x01\x02\xff"[n % 3] for n, b in enumerate(frame.body))
    assert plain == head + raw
    assert frame.headers["X-Letters"] == str(len(note))
    assert ann.ask("/frame/9").status == 404
    back = ann.ask("/unmask", body=frame.body)
    assert back.body.decode("utf-8") == f"7: {note}"
    wrong = ann.ask("/unmask", body=b"\x00" + frame.body[1:])
    assert (wrong.status, wrong.body) == (400, b"magic is 01fe")
    wrong = ann.ask("/unmask", body=frame.body[:-1] + b"x")
    assert (wrong.status, wrong.body) == (400, b"crc")
    html = '<P class="x">Café &eacute;&bogus;<script>1 < 2</script> <b>x</b>'
    assert ann.text("/clean", form={"html": html}) == (
        "<p>Café &eacute;1 &lt; 2 <b>x</b>"
    )
    assert ann.text("/packed") == "300 1 é"


def _signed(number: int) -> int:
    """Return a checksum as Python 2.7 gave it, which had no unsigned ones."""
    return number - (1 << 32) if number >> 31 else number


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


def play_cafe(site: Site) -> None:
    ann = Person(site)
    shown = ann.ask("/")
    assert shown.status == 200, site.output()[-3000:]
    assert "iso-8859-1" in shown.headers["Content-Type"]
    text = shown.body.decode("latin-1")
    assert "<title>Café Zur Brücke</title><h1>Süßes &amp; Salziges</h1>" in text
    assert text.endswith("<p>© 2009 CAF 15")
    page = Page(site, find(r'Channel\("([^"]+)"\)', text))
    line = b"line=Souffl%E9+%E0+450"
    added = ann.text("/add", body=line)
    assert added == r"4.50 EUR: 7 bytes, '\xe9'"
    assert page.hear() == "Soufflé à 450"
    assert "<li>Soufflé à 4.50 EUR</li>" in ann.ask("/").body.decode("latin-1")
    assert ann.ask("/add", body=b"line=nothing").status == 500
    assert ann.text("/file").split("\n") == [
        r"2 Soufflé 21 2 'Souffl' False True 0644".replace("\\u00e9", "é"),
        "",
    ]
    assert ann.text("/names") == r"'\xe9' 1 True"
    assert "window.goog" in ann.text("/channel.js")


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


SCENARIOS: dict[str, Scenario] = {
    name.removeprefix("play_"): value
    for name, value in list(globals().items())
    if name.startswith("play_")
}
"""Each app's name with what is played there."""
