import json
import os

import webapp2
from google.appengine.api import channel, memcache, taskqueue, users
from google.appengine.ext import db, deferred


class Team(db.Model):
    name = db.StringProperty(required=True)
    points = db.IntegerProperty(default=0)
    owner = db.UserProperty(auto_current_user_add=True)

    def __cmp__(self, other):
        return cmp((-self.points, self.name), (-other.points, other.name))


class Watcher(db.Model):
    created = db.DateTimeProperty(auto_now_add=True)


def table():
    cached = memcache.get('table')
    if cached is None:
        cached = [(t.name, t.points) for t in sorted(Team.all().run())]
        memcache.add('table', cached, 60)
    return cached


def tell():
    lines = ['%d. %s %s' % (n + 1, name, points)
             for n, (name, points) in enumerate(table())]
    for watcher in Watcher.all():
        channel.send_message(watcher.key().name(), '\n'.join(lines))
    return len(lines)


@db.transactional
def score(name, points):
    team = Team.get_by_key_name(name)
    if team is None:
        raise db.BadKeyError('no team ' + name)
    team.points += points
    team.put()
    return team.points


class Main(webapp2.RequestHandler):
    def get(self):
        ident = self.request.get('id')
        if not ident:
            self.abort(400)
        Watcher.get_or_insert(ident)
        self.response.write(channel.create_channel(ident))


class Teams(webapp2.RequestHandler):
    def get(self):
        self.response.headers['Content-Type'] = 'application/json'
        self.response.write(json.dumps(table()))

    def post(self):
        name = self.request.get('name')
        Team(key_name=name, name=name).put()
        memcache.delete('table')
        self.response.set_status(201)


class Score(webapp2.RequestHandler):
    def post(self, name):
        try:
            points = score(name, int(self.request.get('points')))
        except (ValueError, db.BadKeyError), e:
            self.abort(400, unicode(e))
        memcache.delete('table')
        taskqueue.add(url='/tell', params={'why': name})
        self.response.write(str(points))


class Tell(webapp2.RequestHandler):
    def post(self):
        tell()


app = webapp2.WSGIApplication([('/', Main), ('/teams', Teams), ('/tell', Tell),
                               (r'/score/(\w+)', Score)])
