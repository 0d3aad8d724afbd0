#!/usr/bin/env python
# -*- coding: iso-8859-1 -*-
# Café Zur Brücke: what there is today.  Tabs, as ever.

import cgi
import codecs
import os
import sys
import time
import urllib

from google.appengine.api import channel
from google.appengine.api import memcache
from google.appengine.ext import webapp
from google.appengine.ext.webapp.util import run_wsgi_app
from wsgiref.handlers import CGIHandler

import prices

TITLE = 'Café Zur Brücke'
MOTTO = u'Süßes & Salziges'
PATTERN = ur'(\w+)\s+à\s+(\d+)'
MODE = 0644
OLD = '© 2009'
LATIN = 'iso-8859-1'

class Page(webapp.RequestHandler):
	def start(self):
		self.response.headers['Content-Type'] = 'text/html; charset=' + LATIN

	def write(self, text):
        # Eight spaces are a tab.
		if isinstance(text, unicode):
			text = text.encode(LATIN, 'replace')
		self.response.out.write(text.decode(LATIN))

class Menu(Page):
	def get(self):
		self.start()
		self.response.charset = LATIN
		self.write('<title>%s</title>' % TITLE)
		self.write('<h1>' + cgi.escape(MOTTO) + '</h1>')
		dishes = memcache.get('dishes') or {}
		for name, price in sorted(dishes.iteritems()):
			self.write(u'<li>%s à %s</li>' % (name.decode(LATIN), prices.format(price)))
		token = channel.create_channel('caf\xe9'.decode(LATIN).encode('ascii', 'ignore'))
		self.write('<script src="/channel.js"></script>')
		self.write('<script>new goog.appengine.Channel("%s").open().onmessage ='
			'function(m) { document.title = m.data; }</script>' % token)
		self.write('<p>' + OLD + ' ' + TITLE.upper()[:3] + ' %d' % len(TITLE))

class Add(Page):
	def post(self):
		self.start()
		self.request.charset = LATIN
		body = self.request.body
		fields = dict([pair.split('=') for pair in body.split('&')])
		line = urllib.unquote_plus(fields['line'])
		name, price = prices.parse(line, PATTERN)
		dishes = memcache.get('dishes') or {}
		dishes[name] = price
		memcache.set('dishes', dishes)
		channel.send_message('caf', line.decode(LATIN))
		self.response.headers['Content-Type'] = 'text/plain'
		self.response.out.write('%s: %d bytes, %r' % (prices.format(price), len(name), name[-1]))

class File(Page):
	def get(self):
		# The file is Latin-1, too.
		lines = codecs.open('dishes.txt', 'r', LATIN).readlines()
		raw = open('dishes.txt', 'rb').read()
		print >>self.response.out, len(lines), lines[0].strip(), len(raw), raw.count('é'),
		print >>self.response.out, `raw[:6]`, raw[5] == 'é', 'é' in raw, oct(MODE)

class Names(Page):
	def get(self):
		exec 'value = u"\xe9"' in globals()
		self.response.out.write(`'é'` + ' %d %s' % (len(value), TITLE.decode(LATIN)[3:] == value + MOTTO[4:4] + u' Zur Brücke'))

application = webapp.WSGIApplication([
	('/', Menu),
	('/add', Add),
	('/file', File),
	('/names', Names),
])

def main():
	CGIHandler().run(application)

if __name__ == '__main__': main()
