"""An app that stores a little of everything, and says what it was asked to do."""

import json
import logging

import webapp2
from google.appengine.api import mail, memcache, search, taskqueue, users
from google.appengine.ext import blobstore, ndb
from google.appengine.ext.webapp import blobstore_handlers


class Note(ndb.Model):
    text = ndb.StringProperty()


class Fill(webapp2.RequestHandler):
    def get(self):
        numbers = map(str, range(30))
        ndb.put_multi([Note(id="note " + n, text="text " + n) for n in numbers])
        memcache.set("colour", "green")
        taskqueue.add(url="/done", params={"by": "task"}, name="later", countdown=86400)
        document = search.Document(
            "paper", fields=[search.TextField("title", "a paper about owls")]
        )
        search.Index("papers").put(document)
        mail.send_mail(
            "shelf@example.com", "ann@example.com", "Overdue", "Bring the owl back."
        )
        logging.warning("the shelves are full")
        self.response.write(blobstore.create_upload_url("/uploaded"))


class Uploaded(blobstore_handlers.BlobstoreUploadHandler):
    def post(self):
        self.redirect("/done?by=upload")


class Work(ndb.Model):
    pass


class Done(webapp2.RequestHandler):
    def get(self):
        Work(id=self.request.get("by")).put()

    post = get


class Mailed(webapp2.RequestHandler):
    def post(self, recipient):
        message = mail.InboundEmailMessage(self.request.body)
        Work(id=message.subject + " to " + recipient).put()


class Seen(webapp2.RequestHandler):
    def get(self):
        user = users.get_current_user()
        done = [key.id() for key in Work.query().iter(keys_only=True)]
        notes = [key.id() for key in Note.query().iter(keys_only=True)]
        self.response.write(
            json.dumps(
                {
                    "user": user and user.email(),
                    "done": sorted(done),
                    "notes": sorted(notes),
                    "colour": memcache.get("colour"),
                }
            )
        )


class Fail(webapp2.RequestHandler):
    def get(self):
        raise ValueError("no shelf is left")


app = webapp2.WSGIApplication(
    [
        ("/fill", Fill),
        ("/uploaded", Uploaded),
        ("/done", Done),
        ("/_ah/mail/(.+)", Mailed),
        ("/seen", Seen),
        ("/fail", Fail),
    ]
)
