"""A chat with rooms, as of 2013."""

import json
import logging

import webapp2
from google.appengine.api import channel, memcache, users
from google.appengine.ext import ndb


class Visit(ndb.Model):
    room = ndb.StringProperty()
    user_id = ndb.StringProperty()


def client_id(room, user):
    return '%s/%s' % (room, user.user_id())


class JoinHandler(webapp2.RequestHandler):

    def get(self, room):
        user = users.get_current_user()
        if not user:
            self.abort(403)
        key = client_id(room, user)
        Visit(id=key, room=room, user_id=user.user_id()).put()
        memcache.incr('visits', initial_value=0)
        token = channel.create_channel(key, duration_minutes=60)
        self.response.headers['Content-Type'] = 'application/json'
        self.response.out.write(json.dumps({'token': token}))


class SayHandler(webapp2.RequestHandler):

    def post(self, room):
        user = users.get_current_user()
        text = self.request.get('text')
        if len(text) > 140:
            self.abort(400)
        message = json.dumps({'from': user.nickname(), 'text': text})
        for visit in Visit.query(Visit.room == room):
            channel.send_message(visit.key.id(), message)


class LeaveHandler(webapp2.RequestHandler):

    def post(self):
        key = self.request.get('from')
        logging.info('%s has left', key)
        ndb.Key(Visit, key).delete()


app = webapp2.WSGIApplication([
    (r'/room/(\w+)/join', JoinHandler),
    (r'/room/(\w+)/say', SayHandler),
    ('/_ah/channel/disconnected/', LeaveHandler),
])
