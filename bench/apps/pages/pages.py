"""What old apps do for most of their requests; runs here and under gunicorn alike."""

import itertools
import os

import jinja2
import webapp2
from google.appengine.ext import ndb

numbers = itertools.count()
pages = jinja2.Environment(
    loader=jinja2.FileSystemLoader(
        os.path.join(os.path.dirname(__file__), "templates")
    ),
    autoescape=True,
)


class Greeting(ndb.Model):
    author = ndb.StringProperty()
    content = ndb.TextProperty()
    number = ndb.IntegerProperty()


class HelloHandler(webapp2.RequestHandler):
    def get(self):
        self.response.headers["Content-Type"] = "text/plain"
        self.response.write("Hello, world!")


class PutHandler(webapp2.RequestHandler):
    def get(self):
        number = next(numbers)
        greeting = Greeting(
            id=number % 1000 + 1, author="ann", content="x" * 100, number=number
        )
        greeting.put()
        self.response.write("put")


class GetHandler(webapp2.RequestHandler):
    def get(self):
        greeting = Greeting.get_by_id(next(numbers) % 20 + 1)
        self.response.write(greeting.content)


class PageHandler(webapp2.RequestHandler):
    def get(self):
        greetings = Greeting.query().order(-Greeting.number).fetch(20)
        template = pages.get_template("page.html")
        self.response.write(template.render(greetings=greetings))


class FillHandler(webapp2.RequestHandler):
    """Called once, before anything is measured."""

    def get(self):
        ndb.put_multi(
            [
                Greeting(id=n + 1, author="ann", content="x" * 100, number=n)
                for n in range(100)
            ]
        )
        self.response.write("filled")


app = webapp2.WSGIApplication(
    [
        ("/hello", HelloHandler),
        ("/put", PutHandler),
        ("/get", GetHandler),
        ("/page", PageHandler),
        ("/fill", FillHandler),
    ]
)
