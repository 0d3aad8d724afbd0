"""What people do with the apps of the second runtime."""

from __future__ import annotations

import json
from hashlib import md5
from urllib.parse import urlsplit

from tests.contract.sites import Site
from tests.legacy_apps.visits import Page, Person, age_seconds, eventually, feed, find


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
    find(r"<p>(7|11): 2 names, 3.3</p>", text)
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
