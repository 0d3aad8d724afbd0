"""What people do with the apps of the first runtime, whose scripts are programs."""

from __future__ import annotations

import html
import struct
import zlib
from base64 import b64decode
from collections.abc import Callable
from hashlib import md5
from urllib.parse import urlsplit

from tests.contract.sites import Site
from tests.legacy_apps.visits import Page, Person, eventually, find


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
    # The SDK's own script is not there with us, and so the app answers.
    assert ann.ask("/remote_api").status in (302, 401, 404)
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
    wall_token = find(r"wall = new goog.appengine.Channel\('([^']+)'\)", text)
    other_wall = Page(site, wall_token)

    def is_on_a_wall(expected: str) -> Callable[[], bool]:
        # One id for two pages: the original hands each message to one of them.
        return lambda: expected in (wall.poll(), other_wall.poll())

    find("Hello (guest-[a-zA-Z0-9]{4}), ", stranger.text("/"))

    say = {"room": "café", "text": "un thé <noir>?"}
    assert ann.text("/say", form=say) == "line 1 of 19 letters to 2 people\n"
    for page in (anns, bobs):
        assert page.hear() == "Ann: un thé <noir>?"
    eventually(is_on_a_wall("Ann: un thé <noir>?"))
    told = bob.text("/say", form={**say, "text": "/me nods"})
    assert told == "line 2 of 10 letters to 2 people\n"
    for page in (anns, bobs):
        assert page.hear() == "* B&b nods"
    eventually(is_on_a_wall("* B&b nods"))
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
        r'{"\u00e9": [1, null]} True',
        "True True",
        r"'\xc3\xa9\xff'",
    ]


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
    assert (frame.headers["X-Kind"], frame.headers["X-Hex"]) == ("7", "cafe78")
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
