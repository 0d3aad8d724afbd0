"""An app with something in every service, for the console to show."""

import base64
import datetime
import logging

import webapp2
from google.appengine.api import mail, memcache, search, taskqueue, users
from google.appengine.ext import ndb


class Place(ndb.Model):
    name = ndb.StringProperty()


class Note(ndb.Model):
    title = ndb.StringProperty()
    number = ndb.IntegerProperty()
    when = ndb.DateTimeProperty()
    where = ndb.GeoPtProperty()
    place = ndb.LocalStructuredProperty(Place)
    tags = ndb.StringProperty(repeated=True)
    data = ndb.BlobProperty()


PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAADAAAAAYCAIAAAAzn+mLAAAALElEQVR42u3OAQkAAAgDsOcwoPmM"
    "aA3BwQIs1XNKhISEhISEhISEhISEfoUWq1dYTJYEIogAAAAASUVORK5CYII="
)


class Fill(webapp2.RequestHandler):
    def get(self):
        hostile = self.request.get("text")
        for number in range(60):
            Note(
                id=number + 1,
                title=hostile or "note",
                number=number,
                when=datetime.datetime(2012, 1, 31),
                where=ndb.GeoPt(52.5, 13.4),
                place=Place(name=hostile),
                tags=["a", "b", hostile],
                data=b"\x00\xff",
            ).put()
        Note.query(Note.number > 3).order(-Note.number, Note.title).fetch(5)
        memcache.set("key", {"a": hostile})
        if self.request.get("task"):
            taskqueue.add(
                url="/later", name="later", countdown=3600, params={"x": hostile}
            )
        taskqueue.Queue("pull").add(taskqueue.Task(payload=hostile, method="PULL"))
        index = search.Index("notes")
        index.put(search.Document("one", [search.HtmlField("body", hostile)]))
        script = "<script>top.document.title = 'taken'; parent.fetch('/')</script>"
        mail.EmailMessage(
            sender="app@example.com",
            to="you@example.com",
            subject=hostile or "mail",
            body="plain",
            html="<h1>rich</h1><img src='cid:pic'>" + script + hostile,
            attachments=[
                mail.Attachment("pic.png", PICTURE, content_id="<pic>"),
                ("note.html", script.encode("utf-8")),
            ],
        ).send()


class Who(webapp2.RequestHandler):
    def get(self):
        user = users.get_current_user()
        admin = users.is_current_user_admin()
        self.response.write("{} {}".format(user.email() if user else "nobody", admin))


class Other(webapp2.RequestHandler):
    def get(self):
        logging.warning("asked: %s", self.request.path)

    def post(self):
        self.get()


app = webapp2.WSGIApplication([("/fill", Fill), ("/who", Who), ("/.*", Other)])
