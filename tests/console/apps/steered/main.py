"""An app to look at: it logs, fails, sends, and says what was imported for it."""

import logging
import sys

import webapp2
from google.appengine.api import channel
from google.appengine.ext import ndb


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


# What costs time or memory, and what a start and a first answer do without.
LATE = tuple(
    """
    channelshim.broker.redis channelshim.cli.accounts channelshim.cli.data
    channelshim.cli.deploy channelshim.cli.doctor channelshim.console.
    channelshim.data channelshim.deploy channelshim.jobs.mail_sender
    channelshim.jobs.smtp_delivery channelshim.services.datastore_v3
    channelshim.services.images channelshim.services.mail channelshim.services.search
    channelshim.services.taskqueue channelshim.store.postgres
    channelshim.transports.frame_parser

    PIL difflib encodings.idna google.appengine.api.appinfo google.protobuf.text_format
    grpc logging.config logging.handlers psycopg redis requests ruamel smtplib uvicorn
    websockets
    """.split()
)


class Imported(webapp2.RequestHandler):
    def get(self):
        # ndb is what most apps import.
        assert ndb.__name__ in sys.modules
        found = [each for each in sys.modules if each.startswith(LATE)]
        self.response.write(" ".join(sorted(found)))


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
