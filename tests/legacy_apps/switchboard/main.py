import cgi
import json
import logging
import os
import random
import re
import urllib

import webapp2
from google.appengine.api.channel import InvalidChannelClientIdError

import channel
import rooms


def page(name):
  path = os.path.join(os.path.dirname(__file__), 'pages', name)
  f = file(path)
  try:
    return f.read()
  finally:
    f.close()


class Main(webapp2.RequestHandler):
  def get(self):
    name = self.request.get('r')
    if not name:
      number = random.randint(10 ** 7, 10 ** 8 - 1)
      self.redirect('/?' + urllib.urlencode({'r': number}))
      return
    user = self.request.get('u') or str(random.randrange(1000))
    try:
      room = rooms.enter(name, user)
      token = channel.open_for(name, user)
    except rooms.Full as full:
      self.response.set_status(503)
      self.response.out.write(full.message)
      return
    except InvalidChannelClientIdError, e:
      self.response.set_status(400)
      self.response.out.write('No such name: ' + cgi.escape(str(e)))
      return
    if self.request.get('by') == 'token':
      room.tokens[user] = token
    config = {'iceServers': [{'url': 'stun:stun.example.org'}]}
    values = {'token': token, 'room': cgi.escape(name), 'user': user,
              'initiator': int(len(room) > 1), 'config': json.dumps(config)}
    self.response.out.write(page('call.html') % values)


class Message(webapp2.RequestHandler):
  def post(self):
    body = self.request.body
    if len(body) > channel.LONGEST:
      self.abort(413)
    name, user = self.request.get('r'), self.request.get('u')
    room = rooms.get(name)
    if not room or user not in room.users:
      self.abort(404)
    # Stereo, please.
    body = re.sub('useinbandfec=1', 'useinbandfec=1; stereo=1', body)
    message = json.loads(body)
    if message['type'] == 'bye':
      rooms.leave(name, user)
      sent = 1
    else:
      sent = room.deliver(user, body)
    self.response.headers['Content-Type'] = 'text/plain'
    self.response.out.write('%d of %d bytes' % (sent, len(body)))


class Connected(webapp2.RequestHandler):
  def post(self):
    name, user = channel.split_id(self.request.get('from'))
    room = rooms.get(name)
    if room and user in room.users:
      room.connected.add(user)
      count = room.flush(user)
      logging.info('%s is in %s, %d waited' % (user, room, count))
      other = room.other(user)
      if other and other in room.connected:
        room.send(other, json.dumps({'type': 'here', 'from': user}))


class Disconnected(webapp2.RequestHandler):
  def post(self):
    name, user = channel.split_id(self.request.get('from'))
    rooms.leave(name, user)


class Token(webapp2.RequestHandler):
  """For pages of other sites: CORS, or JSONP with ?callback=."""

  def get(self):
    room, user = self.request.get('r'), self.request.get('u')
    rooms.enter(room, user)
    minutes = self.request.get('minutes') or '120'
    answer = json.dumps({'token': channel.open_for(room, user, int(minutes) * 60),
                         'ticket': channel.ticket(room, user)})
    callback = self.request.get('callback')
    if callback and re.match(r'[\w.]+$', callback):
      self.response.headers['Content-Type'] = 'text/javascript'
      self.response.out.write('%s(%s);' % (callback, answer))
    else:
      self.response.headers['Access-Control-Allow-Origin'] = '*'
      self.response.headers['Content-Type'] = 'application/json'
      self.response.out.write(answer)

  def options(self):
    self.response.headers['Access-Control-Allow-Origin'] = '*'
    self.response.headers['Access-Control-Allow-Headers'] = 'X-Requested-With'


class Ticket(webapp2.RequestHandler):
  def get(self, ticket):
    room, user, is_real = channel.read_ticket(ticket)
    self.response.write('%s/%s %s' % (room, user, ['forged', 'real'][is_real]))


app = webapp2.WSGIApplication([
    ('/', Main),
    ('/message', Message),
    ('/token', Token),
    ('/ticket/([\w-]+)', Ticket),
    ('/_ah/channel/connected/', Connected),
    ('/_ah/channel/disconnected/', Disconnected),
  ], debug=True)
