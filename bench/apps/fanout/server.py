"""The tutorial's job without its datastore: one POST, one text to each of N pages."""

import json
import socket
import threading
import time

import webapp2
from google.appengine.api import apiproxy_stub_map, channel

connected = []
sending = {"texts": 0, "wall_seconds": 0.0, "cpu_seconds": 0.0}


class TokensHandler(webapp2.RequestHandler):
    def get(self):
        count = int(self.request.get("n"))
        connected[:] = ["page-%d" % number for number in range(count)]
        tokens = [channel.create_channel(client_id) for client_id in connected]
        self.response.headers["Content-Type"] = "application/json"
        self.response.write(json.dumps(tokens))


class SendHandler(webapp2.RequestHandler):
    def post(self):
        text = self.request.body.decode("utf-8")
        send_message = channel.send_message
        wall, cpu = time.perf_counter(), time.thread_time()
        for client_id in connected:
            send_message(client_id, text)
        sending["cpu_seconds"] += time.thread_time() - cpu
        sending["wall_seconds"] += time.perf_counter() - wall
        sending["texts"] += len(connected)


class StatsHandler(webapp2.RequestHandler):
    def get(self):
        self.response.headers["Content-Type"] = "application/json"
        self.response.write(json.dumps(sending))
        for name in sending:
            sending[name] = 0


class BusyHandler(webapp2.RequestHandler):
    """A handler that keeps the interpreter busy for a quarter of a second."""

    def get(self):
        end = time.perf_counter() + 0.25
        number = 0
        while time.perf_counter() < end:
            number = sum(range(1000))
        self.response.write(str(number))


class FeedHandler(webapp2.RequestHandler):
    """Start a thread that feeds the hub: bare appends, no request, no send_message."""

    def post(self):
        port, seconds = int(self.request.get("port")), float(self.request.get("seconds"))
        token = channel.create_channel("feeder")
        thread = threading.Thread(target=feed, args=(port, token, seconds), daemon=True)
        thread.start()


ROUNDS_AHEAD = 32
FRAME_BYTES = 2 + 64


def feed(port, token, seconds):
    """Send text after text to all pages, at most ROUNDS_AHEAD before the last written.

    The feeder is a page itself: what it has read, the hub has written.
    """
    publish = apiproxy_stub_map.apiproxy.direct_channel.publish
    receivers = [*connected, "feeder"]
    with open_page(port, token) as page:
        sent = read = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            while sent - read // FRAME_BYTES < ROUNDS_AHEAD:
                sent += 1
                mark = "~0000%06x%016x~" % (sent, time.monotonic_ns())
                text = mark.ljust(64, "x")
                for client_id in receivers:
                    publish(client_id, text)
            read += len(page.recv(65536))


def open_page(port, token):
    page = socket.create_connection(("127.0.0.1", port))
    page.sendall(
        (
            "GET /_ah/channel/socket?token=%s HTTP/1.1\r\nHost: localhost:%d\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % (token, port)
        ).encode("ascii")
    )
    greeting = b""
    while b'"id"' not in greeting or not greeting.endswith(b"}"):
        greeting += page.recv(4096)
    return page


class PresenceHandler(webapp2.RequestHandler):
    def post(self, change):
        self.request.get("from")


app = webapp2.WSGIApplication(
    [
        ("/tokens", TokensHandler),
        ("/send", SendHandler),
        ("/stats", StatsHandler),
        ("/busy", BusyHandler),
        ("/feed", FeedHandler),
        ("/_ah/channel/(connected|disconnected)/", PresenceHandler),
    ]
)
