"""An app that sends what it is asked to, and writes down who is connected."""

import os

import webapp2
from google.appengine.api import channel, taskqueue

# Appended to by all servers at once; a short line is one write.
LOG = os.open(os.environ["SENDER_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


class Token(webapp2.RequestHandler):
    def get(self):
        self.response.write(channel.create_channel(self.request.get("id")))


class Send(webapp2.RequestHandler):
    def post(self):
        for client_id in self.request.get("to").split(","):
            channel.send_message(client_id, self.request.get("text"))


class Many(webapp2.RequestHandler):
    def post(self):
        """Send so many long texts; say how many were taken."""
        count = 0
        try:
            for _ in range(int(self.request.get("count"))):
                channel.send_message("many", "x" * 30000 + str(count))
                count += 1
        except channel.Error as error:
            self.response.write(f"{count} {error}")
        else:
            self.response.write(f"{count} all")


class Task(webapp2.RequestHandler):
    def get(self):
        taskqueue.add(url="/task", params={"name": self.request.get("name")})

    def post(self):
        line = "t {}\n".format(self.request.get("name"))
        os.write(LOG, line.encode("utf-8"))


class Presence(webapp2.RequestHandler):
    def post(self, what):
        line = "{} {}\n".format(what[0], self.request.get("from"))
        os.write(LOG, line.encode("utf-8"))


app = webapp2.WSGIApplication(
    [
        ("/token", Token),
        ("/send", Send),
        ("/many", Many),
        ("/task", Task),
        ("/_ah/channel/(connected|disconnected)/", Presence),
    ]
)
