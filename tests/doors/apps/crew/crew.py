"""An app that says which process answers, and sends what it is told to."""

import ctypes
import logging
import os
import time

import webapp2
from google.appengine.api import background_thread, channel, memcache, taskqueue
from google.appengine.ext import ndb
from words import WORD


class Note(ndb.Model):
    text = ndb.StringProperty()


class PidHandler(webapp2.RequestHandler):
    def get(self):
        time.sleep(float(self.request.get("seconds", "0")))
        self.response.write(os.getpid())


class WordHandler(webapp2.RequestHandler):
    def get(self):
        self.response.write(WORD + " " + os.environ["CURRENT_VERSION_ID"])


class ModuleHandler(webapp2.RequestHandler):
    def get(self):
        self.response.write(os.environ["CURRENT_MODULE_ID"])


class TokenHandler(webapp2.RequestHandler):
    def get(self):
        self.response.write(channel.create_channel(self.request.get("id")))


class SendHandler(webapp2.RequestHandler):
    def post(self):
        channel.send_message(self.request.get("id"), self.request.get("text"))
        self.response.write("sent")


class SlowHandler(webapp2.RequestHandler):
    def get(self):
        logging.info("the handler has begun")
        time.sleep(float(self.request.get("seconds")))
        self.response.write("done")


class BrokenHandler(webapp2.RequestHandler):
    def get(self):
        logging.error("what the console shows")


class StuckHandler(webapp2.RequestHandler):
    def get(self):
        # It keeps the interpreter, and nothing else runs in this process.
        ctypes.PyDLL(None).sleep(600)


class CountHandler(webapp2.RequestHandler):
    def post(self):
        self.response.write(memcache.incr("count", initial_value=0))

    def get(self):
        self.response.write(memcache.get("count"))


class TaskHandler(webapp2.RequestHandler):
    def get(self):
        taskqueue.add(url="/task", params={"text": "from a task"})

    def post(self):
        Note(text=self.request.get("text")).put()


class NotesHandler(webapp2.RequestHandler):
    def get(self):
        notes = sorted(note.text for note in Note.query())
        self.response.write("\n".join(notes))


class PresenceHandler(webapp2.RequestHandler):
    def post(self, what):
        Note(text=self.request.get("from") + " " + what).put()


class InstanceHandler(webapp2.RequestHandler):
    def get(self, what):
        logging.info("instance %s: %s", os.environ["INSTANCE_ID"], what)


class BackgroundHandler(webapp2.RequestHandler):
    def get(self):
        def send():
            time.sleep(0.1)
            channel.send_message("ann", "from the background")

        background_thread.start_new_background_thread(send, ())


class UploadHandler(webapp2.RequestHandler):
    def post(self):
        body = self.request.body
        self.response.write(str(len(body)) + " " + str(len(body.strip(b"x"))))


class VariablesHandler(webapp2.RequestHandler):
    def get(self):
        # As whatever the app starts would inherit them.
        with open("/proc/self/environ", "rb") as file:
            inherited = file.read().decode("utf-8", "replace").split("\0")
        self.response.write("\n".join([*inherited, *map("=".join, os.environ.items())]))


class BusyHandler(webapp2.RequestHandler):
    running = 0

    def get(self):
        BusyHandler.running += 1
        time.sleep(0.05)
        self.response.write(BusyHandler.running)
        BusyHandler.running -= 1


app = webapp2.WSGIApplication(
    [
        ("/pid", PidHandler),
        ("/word", WordHandler),
        ("/module", ModuleHandler),
        ("/token", TokenHandler),
        ("/send", SendHandler),
        ("/slow", SlowHandler),
        ("/stuck", StuckHandler),
        ("/broken", BrokenHandler),
        ("/count", CountHandler),
        ("/task", TaskHandler),
        ("/notes", NotesHandler),
        ("/background", BackgroundHandler),
        ("/upload", UploadHandler),
        ("/busy", BusyHandler),
        ("/variables", VariablesHandler),
        ("/_ah/(start|stop)", InstanceHandler),
        ("/_ah/channel/(connected|disconnected)/", PresenceHandler),
    ]
)
