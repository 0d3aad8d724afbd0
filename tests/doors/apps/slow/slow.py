"""A handler that does not return for a long time, and a channel to listen to."""

import time

import webapp2
from google.appengine.api import channel, taskqueue


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


class TaskHandler(webapp2.RequestHandler):
    def get(self):
        taskqueue.add(url="/task")

    def post(self):
        print("the task has begun", flush=True)
        time.sleep(1)
        print("the task is done", flush=True)


app = webapp2.WSGIApplication(
    [
        ("/slow", SlowHandler),
        ("/token", TokenHandler),
        ("/send", SendHandler),
        ("/task", TaskHandler),
    ]
)
