# -*- coding: utf-8 -*-
import os
import time
import urllib
from StringIO import StringIO

from google.appengine.api import channel
from google.appengine.ext import db

from tinyweb import *

application = app = App()


class Book(db.Model):
    title = db.StringProperty(required=True)
    rating = db.FloatProperty()
    cover = db.BlobProperty()

    def __len__(self):
        return len(self.title)

    def __unicode__(self):
        return u'„%s“' % self.title


def shelf_key(name):
    return db.Key.from_path('Shelf', name)


def books_on(name):
    return Book.all().ancestor(shelf_key(name)).order('title').fetch(50)


@app.hook('before')
def note_start():
    request.started = time.clock()


@app.hook('after')
def tell_version():
    response.headers['x_powered_by'] = 'tinyweb/%d.%d' % __version__


from tinyweb import __version__


@app.get('/')
def index():
    visits = int(request.cookies.get('visits', 0)) + 1
    response.set_cookie('visits', visits, path='/', max_age=3600)
    return u'Hello — visit %d, %s' % (visits, request.header('X-Name'))


@app.get('/shelf/<name>')
def shelf(name):
    # The path comes as bytes.
    name = name.decode('utf-8')
    ident = u'shelf/1.%s@x' % len(name)
    return Template.get('shelf.tpl').render(
        title=name, books=books_on(name), token=channel.create_channel(ident))


@app.post('/shelf/<name>')
def add(name):
    name = name.decode('utf-8')
    title = request.forms['title'].decode('utf-8').strip()
    if not title:
        raise HTTPError(400, 'A book without a <title>')
    book = Book(parent=shelf_key(name), title=title,
                rating=float(request.forms.get('rating', 0)))
    cover = request.forms.get('cover')
    if cover is not None:
        book.cover = db.Blob(cover.file.read())
    book.put()
    channel.send_message('shelf/1.%s@x' % len(name),
                         ('%s: +%s' % (name, title)).encode('utf-8'))
    raise Redirect('/shelf/' + urllib.quote(name.encode('utf-8')))


@app.get('/cover/<name>/<number:int>')
def cover(name, number):
    book = books_on(name.decode('utf-8'))[number - 1]
    response.type = 'image/png'
    response.headers['etag'] = '"%s"' % hashlib.md5(book.cover).hexdigest()
    return StringIO(book.cover)


@app.get('/list/<name>.json')
def as_json(name):
    books = books_on(name.decode('utf-8'))
    average = sum([b.rating for b in books]) / max(len(books), 1)
    return {'titles': map(lambda b: b.title, books), 'average': '%s' % average}


@app.get('/stream/<count:int>')
def stream(count):
    response.type = 'text/plain'
    yield u'é' * count
    for n in range(count):
        yield u'%d\n' % n


@app.get('/login/<user:path>')
def login(user):
    response.set_cookie('user', signed(urllib.quote_plus(user)))
    return ''


@app.get('/who')
def who():
    return unsigned(request.cookies.get('user')) or 'nobody'


@app.get('/broken')
def broken():
    return {}['no such key']


@app.get('/answer/<kind>')
def answer(kind):
    return {'none': None, 'str': 'ä', 'unicode': u'ä', 'bytes': '\xff\xd8'}[kind]


@app.error(404)
def missing(error):
    return '<h1>%s</h1>' % cgi.escape(error.message)


@app.get('/_ah/channel/connected/')
def connected():
    # The platform posts; this never runs.
    return 'oops'
