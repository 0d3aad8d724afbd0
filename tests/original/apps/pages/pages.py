# -*- coding: utf-8 -*-
import json
import os
import sys

import webapp2


class Status(webapp2.RequestHandler):
    def get(self, code):
        self.response.set_status(int(code))
        self.response.write('status %s' % code)


class Header(webapp2.RequestHandler):
    def get(self):
        name = str(self.request.get('name'))
        self.response.headers[name] = str(self.request.get('value'))
        self.response.write('header')


class Cookie(webapp2.RequestHandler):
    def get(self):
        self.response.headers['Cache-Control'] = str(self.request.get('cache'))
        if self.request.get('expires'):
            self.response.headers['Expires'] = str(self.request.get('expires'))
        self.response.set_cookie('a', 'b')
        self.response.write('cookie')


class Redirect(webapp2.RequestHandler):
    def get(self):
        self.redirect(str(self.request.get('to')))


class Echo(webapp2.RequestHandler):
    def get(self):
        self.response.headers['Content-Type'] = 'application/json'
        fields = [[name, self.request.get_all(name)]
                  for name in sorted(set(self.request.arguments()))]
        self.response.write(json.dumps({
            'method': self.request.method,
            'fields': fields,
            'length': len(self.request.body),
            'type': self.request.headers.get('Content-Type'),
            'path': self.request.path,
            'query': self.request.query_string,
        }, sort_keys=True))

    post = put = patch = delete = get


class Raw(webapp2.RequestHandler):
    def post(self):
        self.response.headers['Content-Type'] = 'text/plain'
        self.response.write(self.request.body)

    put = post


class Environ(webapp2.RequestHandler):
    def get(self):
        self.response.headers['Content-Type'] = 'application/json'
        found = dict((name, os.environ.get(name)) for name in
                     str(self.request.get('names')).split(','))
        self.response.write(json.dumps(found, sort_keys=True))

    post = get


class Sent(webapp2.RequestHandler):
    def get(self):
        self.response.headers['Content-Type'] = 'application/json'
        names = str(self.request.get('names')).split(',')
        found = dict((name, self.request.headers.get(name)) for name in names)
        self.response.write(json.dumps(found, sort_keys=True))

    post = get


class Out(webapp2.RequestHandler):
    def get(self, kind):
        if kind == 'text':
            self.response.write(u'h\u00e9llo')
        elif kind == 'bytes':
            self.response.write(b'\xff\x00\xfe')
        elif kind == 'json':
            self.response.headers['Content-Type'] = 'application/json'
            self.response.write('{"a": 1}')
        elif kind == 'latin':
            self.response.headers['Content-Type'] = 'text/html; charset=iso-8859-1'
            self.response.write(u'h\u00e9llo')
        elif kind == 'large':
            self.response.write('x' * 300000)
        elif kind == 'gzip':
            self.response.headers['Content-Encoding'] = 'gzip'
            self.response.write(b'\x1f\x8b not really')
        elif kind == 'etag':
            self.response.headers['ETag'] = '"own"'
            self.response.headers['Last-Modified'] = 'Mon, 01 Jan 2001 00:00:00 GMT'
            self.response.write('own')
        elif kind == 'twice':
            self.response.headers.add('X-Two', '1')
            self.response.headers.add('X-Two', '2')
            self.response.write('two')
        elif kind == 'cached':
            self.response.headers['Cache-Control'] = 'public, max-age=60'
            self.response.write('cached')


class Raise(webapp2.RequestHandler):
    def get(self, kind):
        if kind == 'value':
            raise ValueError('on purpose')
        if kind == 'exit':
            sys.exit(3)
        if kind == 'abort':
            self.abort(403)
        if kind == 'late':
            self.response.write('x' * 100)
            raise ValueError('late')


app = webapp2.WSGIApplication([
    ('/status/(.*)', Status),
    ('/header', Header),
    ('/cookie', Cookie),
    ('/redirect', Redirect),
    ('/raw', Raw),
    ('/environ', Environ),
    ('/sent', Sent),
    ('/out/(.*)', Out),
    ('/raise/(.*)', Raise),
    ('/.*', Echo),
])
app.allowed_methods = frozenset(app.allowed_methods) | frozenset(['PATCH'])
