"""An app to look at: it logs, fails, sends, and says what was imported for it."""

import logging
import sys

import webapp2
from google.appengine.api import channel


class Log(webapp2.RequestHandler):
    def get(self):
        logging.warning("a line of the app: %s", self.request.get("text"))
        self.response.write("logged")


class Fail(webapp2.RequestHandler):
    def get(self):
        raise ValueError(self.request.get("text") or "on purpose")


class Token(webapp2.RequestHandler):
    def get(self):
        self.response.write(channel.create_channel(self.request.get("id")))


class Send(webapp2.RequestHandler):
    def post(self):
        channel.send_message(self.request.get("id"), self.request.get("text"))


class Presence(webapp2.RequestHandler):
    def post(self):
        logging.warning("%s: %s", self.request.path, self.request.get("from"))


class Imported(webapp2.RequestHandler):
    def get(self):
        names = [each for each in sys.modules if "channelshim.console." in each]
        self.response.write(" ".join(names))


def raises(environ, start_response):
    raise ValueError("past every framework")


app = webapp2.WSGIApplication(
    [
        ("/log", Log),
        ("/fail", Fail),
        ("/token", Token),
        ("/send", Send),
        ("/imported", Imported),
        (r"/_ah/channel/(?:dis)?connected/", Presence),
    ]
)
