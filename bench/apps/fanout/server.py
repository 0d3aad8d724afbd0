"""The tutorial's job without its datastore: one POST, one text to each of N pages."""

import json
import time

import webapp2
from google.appengine.api import channel

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


class PresenceHandler(webapp2.RequestHandler):
    def post(self, change):
        self.request.get("from")


app = webapp2.WSGIApplication(
    [
        ("/tokens", TokensHandler),
        ("/send", SendHandler),
        ("/stats", StatsHandler),
        ("/busy", BusyHandler),
        ("/_ah/channel/(connected|disconnected)/", PresenceHandler),
    ]
)
