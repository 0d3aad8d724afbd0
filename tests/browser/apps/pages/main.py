"""An app that gives tokens, sends what it is told and notes presence posts."""

import json
import os

import webapp2
from google.appengine.api import channel

PAGE = os.path.join(os.path.dirname(__file__), "page.html")

presence = []


class Page(webapp2.RequestHandler):
    def get(self):
        with open(PAGE) as page:
            self.response.write(page.read())


class HeadPage(webapp2.RequestHandler):
    """Opens a channel before there is a body."""

    def get(self):
        self.response.write(
            """<!DOCTYPE html><html><head><script src="/_ah/channel/jsapi"></script>
            <script>
            try { new goog.appengine.Channel('any').open({}); }
            catch (error) { window.thrown = [typeof error, error]; }
            </script></head><body></body></html>"""
        )


class Token(webapp2.RequestHandler):
    def get(self):
        minutes = int(self.request.get("minutes") or 120)
        self.response.write(channel.create_channel(self.request.get("id"), minutes))


class Send(webapp2.RequestHandler):
    def post(self):
        for text in json.loads(self.request.get("texts")):
            channel.send_message(self.request.get("id"), text)


class Presence(webapp2.RequestHandler):
    def post(self):
        kind = self.request.path.strip("/").split("/")[-1]
        client_id = self.request.get("from")
        presence.append([kind, client_id])
        if kind == "connected" and client_id.startswith("greet"):
            channel.send_message(client_id, "welcome")

    def get(self):
        self.response.write(json.dumps(presence))


class Anything(webapp2.RequestHandler):
    def get(self):
        self.response.write("the app's own answer")


app = webapp2.WSGIApplication(
    [
        ("/page", Page),
        ("/head", HeadPage),
        ("/token", Token),
        ("/send", Send),
        ("/presence", Presence),
        ("/_ah/channel/connected/", Presence),
        ("/_ah/channel/disconnected/", Presence),
        ("/.*", Anything),
    ]
)
