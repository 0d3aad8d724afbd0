"""An app that sends what it is asked to, and writes down who is connected."""

import os

import webapp2
from google.appengine.api import channel

# Appended to by all servers at once; a short line is one write.
LOG = os.open(os.environ["SENDER_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


class Token(webapp2.RequestHandler):
    def get(self):
        self.response.write(channel.create_channel(self.request.get("id")))


class Send(webapp2.RequestHandler):
    def post(self):
        for client_id in self.request.get("to").split(","):
            channel.send_message(client_id, self.request.get("text"))


class Presence(webapp2.RequestHandler):
    def post(self, what):
        line = "{} {}\n".format(what[0], self.request.get("from"))
        os.write(LOG, line.encode("utf-8"))


app = webapp2.WSGIApplication(
    [
        ("/token", Token),
        ("/send", Send),
        ("/_ah/channel/(connected|disconnected)/", Presence),
    ]
)
