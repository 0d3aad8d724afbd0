"""A handler that does not return for a long time, and a channel to listen to."""

import threading
import time

import webapp2
from google.appengine.api import channel


class SlowHandler(webapp2.RequestHandler):
    def get(self):
        print("the handler has begun", flush=True)
        time.sleep(float(self.request.get("seconds")))
        self.response.write("done")


class TokenHandler(webapp2.RequestHandler):
    def get(self):
        self.response.write(channel.create_channel("ann"))


class SendHandler(webapp2.RequestHandler):
    def post(self):
        channel.send_message("ann", self.request.body)


class StuckHandler(webapp2.RequestHandler):
    def get(self):
        threading.Event().wait()


app = webapp2.WSGIApplication(
    [
        ("/slow", SlowHandler),
        ("/token", TokenHandler),
        ("/send", SendHandler),
        ("/stuck", StuckHandler),
    ]
)
