# -*- coding: utf-8 -*-
import base64
import gzip
import os
import StringIO
import sys
import zlib

from google.appengine.api import channel
from google.appengine.api import images, mail, urlfetch
from google.appengine.ext import blobstore, db, webapp

import oldconf
import oldmarkup
import wire

conf = oldconf.Conf(open('notes.conf').read(), owner='Zoë')


class Note(db.Model):
    text = db.TextProperty()
    frame = db.BlobProperty()
    number = db.IntegerProperty()


class Index(webapp.RequestHandler):
    def get(self):
        out = self.response.out
        out.write('<h1 style="background: %s">' % conf['colours', 'back'])
        out.write(conf['notes', 'title'].decode('utf-8') + '</h1>')
        try:
            conf['notes', 'nothing']
        except KeyError, e:
            out.write('<!-- no %s -->' % e)
        for note in Note.gql('ORDER BY number DESC LIMIT %d' %
                             int(conf['notes', 'limit'])):
            out.write(oldmarkup.convert(note.text))
        out.write('''<script src="/_ah/channel/jsapi"></script>
            <script>new goog.appengine.Channel('%s').open().onmessage =
            function(m) { document.title = m.data; };</script>''' %
            channel.create_channel('notes.all'))


class Add(webapp.RequestHandler):
    def post(self):
        text = self.request.get('text')
        frame = wire.pack(text, 7)
        note = Note(text=text, frame=db.Blob(frame),
                    number=Note.all().count() + 1)
        note.put()
        channel.send_message('notes.all', base64.b64encode(frame))
        self.response.out.write(frame.encode('hex'))


class Frame(webapp.RequestHandler):
    def get(self, number):
        note = Note.all().filter('number =', int(number)).get()
        if not note:
            return self.error(404)
        kind, text = wire.unpack(note.frame)
        self.response.headers['Content-Type'] = 'application/octet-stream'
        self.response.out.write(wire.mask(note.frame, '\x01\x02\xff'))
        self.response.headers['X-Kind'] = str(kind)
        self.response.headers['X-Hex'] = (note.frame[:2] + 'x').encode('hex')
        self.response.headers['X-Letters'] = str(len(text))


class Unmask(webapp.RequestHandler):
    def post(self):
        try:
            kind, text = wire.unpack(wire.mask(self.request.body, '\x01\x02\xff'))
        except ValueError, e:
            self.error(400)
            return self.response.out.write(e)
        self.response.out.write(u'%d: %s' % (kind, text))


class Clean(webapp.RequestHandler):
    def post(self):
        html = self.request.get('html').encode('utf-8')
        self.response.out.write(oldmarkup.clean(html))


class Packed(webapp.RequestHandler):
    def get(self):
        buf = StringIO.StringIO()
        zipped = gzip.GzipFile(mode='wb', fileobj=buf)
        zipped.write('é\xff' * 100)
        zipped.close()
        data = buf.getvalue()
        buf.seek(0)
        text = gzip.GzipFile(fileobj=buf).read()
        self.response.out.write('%d %d %s' % (
            len(text), len(data) < 100,
            zlib.decompress('é'.encode('zlib') if 0 else zlib.compress('é'))))


application = webapp.WSGIApplication([
    ('/', Index), ('/add', Add), (r'/frame/(\d+)', Frame), ('/unmask', Unmask),
    ('/clean', Clean), ('/packed', Packed)])
