"""A plain WSGI app with a channel, to see what the servers make of the wire."""

import json
import threading
from urllib.parse import parse_qs

from google.appengine.api import channel

_told = {}
_bodies = []
_closed = []
_gate = threading.Event()


def token(environ, query):
    return channel.create_channel(query["id"][0]).encode("ascii")


def send(environ, query):
    for text in json.loads(environ["wsgi.input"].read()):
        channel.send_message(query["id"][0], text)
    return b"sent"


def flood(environ, query):
    text = environ["wsgi.input"].read().decode("ascii")
    for number in range(int(query["count"][0])):
        client_id = query["ids"][0] + f" {number}"
        channel.send_message(client_id, f"{client_id} {text}")
    return b"sent"


def connected(environ, query):
    return b"%d" % sum(words[-1] == "connected" for words in _told.values())


def told(environ, query):
    return json.dumps(_told.get(query["id"][0], [])).encode("ascii")


def presence(environ, query):
    form = parse_qs(environ["wsgi.input"].read().decode("ascii"))
    word = environ["PATH_INFO"].split("/")[3]
    _told.setdefault(form["from"][0], []).append(word)
    return b""


def echo(environ, query):
    body = environ["wsgi.input"].read()
    _bodies.append(body)
    return body


def seen(environ, query):
    names = ("REQUEST_METHOD", "SERVER_PROTOCOL", "HTTP_X_ONE_TWO", "HTTP_COOKIE")
    return json.dumps({name: environ.get(name) for name in names}).encode("ascii")


def bodies(environ, query):
    return json.dumps([len(body) for body in _bodies]).encode("ascii")


def wait(environ, query):
    _gate.clear()
    print("a handler waits", flush=True)
    _gate.wait()
    return b"waited"


def go(environ, query):
    _gate.set()
    return b"gone"


def stream(environ, query):
    def pieces():
        try:
            _gate.clear()
            yield b"first "
            _gate.wait()
            yield b"second"
        finally:
            _closed.append("stream")

    return pieces()


def endless(environ, query):
    def pieces():
        try:
            while True:
                yield b"x" * 65536
        finally:
            _closed.append("endless")

    return pieces()


def closed(environ, query):
    return json.dumps(_closed).encode("ascii")


_PAGES = {
    "/token": token,
    "/send": send,
    "/flood": flood,
    "/connected": connected,
    "/told": told,
    "/_ah/channel/connected/": presence,
    "/_ah/channel/disconnected/": presence,
    "/echo": echo,
    "/seen": seen,
    "/bodies": bodies,
    "/wait": wait,
    "/go": go,
    "/stream": stream,
    "/endless": endless,
    "/closed": closed,
}


def app(environ, start_response):
    page = _PAGES.get(environ["PATH_INFO"])
    if page is None:
        start_response("404 Not Found", [])
        return [b"There is no such page."]
    answer = page(environ, parse_qs(environ["QUERY_STRING"]))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer] if isinstance(answer, bytes) else answer
