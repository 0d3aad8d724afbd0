# -*- coding: utf-8 -*-
import json
import logging
import os
import time

import jinja2
import webapp2
from google.appengine.api import channel, mail, memcache, users
from google.appengine.api import images, urlfetch
from google.appengine.ext import blobstore, ndb
import yaml

import api
import search
from models import Bus, Watcher

env = jinja2.Environment(
    loader=jinja2.FileSystemLoader(os.path.join(os.path.dirname(__file__),
                                                'templates')),
    extensions=['jinja2.ext.autoescape'])
env.filters['tojson'] = json.dumps

LINES = yaml.load(open('lines.yaml'))['lines']


def line_names():
    return dict((line['number'], line['name']) for line in LINES)


class Handler(webapp2.RequestHandler):
    def render(self, name, **values):
        self.response.out.write(env.get_template(name).render(values))

    def handle_exception(self, exception, debug):
        if not isinstance(exception, (api.FeedError, ValueError)):
            return webapp2.RequestHandler.handle_exception(self, exception, debug)
        logging.warning('refused: %s', exception.message)
        self.response.set_status(502)
        self.response.out.write(exception.message)


class MapPage(Handler):
    def get(self):
        ident = 'map@%f' % time.time()
        Watcher(id=ident, lines=[int(n) for n in self.request.get_all('line')],
                user=users.get_current_user()).put()
        self.render('map.html', token=channel.create_channel(ident), lines=LINES,
                    names=line_names(), zoom=1.1 * 3)


class Refresh(Handler):
    """Cron comes here."""

    def get(self):
        if self.request.headers.get('X-AppEngine-Cron') != 'true' and \
                not users.is_current_user_admin():
            self.abort(403)
        changed = 0
        for ident, line, stop, at in api.read(self.request.get('url')):
            bus = Bus.get_by_id(ident)
            moved = None
            if bus is not None:
                moved = api.distance((bus.place.lat, bus.place.lon), at)
                if moved < 10:
                    continue
            bus = Bus(id=ident, line=line, stop=stop, place=ndb.GeoPt(*at))
            bus.put()
            changed += 1
            self.tell(bus, moved)
        self.response.out.write('%d changed' % changed)

    def tell(self, bus, moved):
        text = json.dumps({'id': bus.ident, 'line': bus.line, 'moved': moved,
                           'name': line_names()[bus.line], 'text': unicode(bus),
                           'at': str(bus.place)}, sort_keys=True)
        for watcher in Watcher.query().iter():
            if not watcher.lines or bus.line in watcher.lines:
                channel.send_message(watcher.key.string_id(), text)


class Clean(Handler):
    def get(self):
        keys = Bus.query().order(-Bus.seen).fetch(keys_only=True)
        ndb.delete_multi(keys)
        mail.send_mail(sender='map@example.com', to='root@example.com',
                       subject=u'%d gelöscht' % len(keys), body='see /')
        self.response.out.write(`len(keys)` + ' deleted')


class Stops(Handler):
    def get(self):
        names = set(reduce(lambda a, b: a + b, [line['stops'] for line in LINES]))
        search.put(sorted(names))
        self.response.out.write(u', '.join(sorted(names)))


class Find(Handler):
    def get(self):
        self.response.headers['Content-Type'] = 'application/json'
        json.dump(search.find(self.request.get('q')), self.response.out)


class Mine(Handler):
    def get(self):
        user = users.get_current_user()
        self.response.out.write('%s, <a href="%s">out</a>' % (
            user.nickname(), users.create_logout_url('/')))


app = webapp2.WSGIApplication([
    ('/', MapPage),
    ('/tasks/refresh', Refresh),
    ('/tasks/clean', Clean),
    ('/tasks/stops', Stops),
    ('/find', Find),
    ('/mine', Mine)], debug=True)
