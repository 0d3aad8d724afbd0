"""A chat with rooms: history in ndb, messages and presence over channels."""

import json
import os
import re

import jinja2
import webapp2

from google.appengine.api import channel
from google.appengine.api import users
from google.appengine.ext import ndb

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(
        os.path.join(os.path.dirname(__file__), 'templates')),
    extensions=['jinja2.ext.autoescape'],
    autoescape=True)

ROOM_NAME = re.compile(r'[a-z0-9-]{1,40}$')
HISTORY = 50
LONGEST_TEXT = 1000


class Room(ndb.Model):
  """A room; its name is the name of its key."""
  opened = ndb.DateTimeProperty(auto_now_add=True)
  # The number of its newest message.
  last = ndb.IntegerProperty(default=0)


class Message(ndb.Model):
  """A message; its parent is the room, its id the number."""
  author = ndb.StringProperty()
  text = ndb.TextProperty()
  sent = ndb.DateTimeProperty(auto_now_add=True)

  def as_json(self):
    return json.dumps({
        'type': 'message',
        'number': self.key.id(),
        'author': self.author,
        'text': self.text,
        'time': self.sent.strftime('%H:%M'),
    })


class Visitor(ndb.Model):
  """Somebody who has opened a room; its id is the client id."""
  nickname = ndb.StringProperty()
  here = ndb.BooleanProperty(default=False)


def make_client_id(name, user):
  return '%s/%s' % (name, user.user_id())


def room_key_of(client_id):
  return ndb.Key(Room, client_id.split('/')[0])


@ndb.transactional
def add_message(room_key, author, text):
  room = room_key.get()
  room.last += 1
  message = Message(parent=room_key, id=room.last, author=author, text=text)
  ndb.put_multi([room, message])
  return message


@ndb.transactional
def set_presence(client_id, here):
  """Returns whether there is such a visitor."""
  visitor = Visitor.get_by_id(client_id, parent=room_key_of(client_id))
  if visitor is None:
    return False
  visitor.here = here
  visitor.put()
  return True


def people_in(room_key):
  return Visitor.query(Visitor.here == True, ancestor=room_key).fetch()


def history_of(room_key):
  last = room_key.get().last
  keys = [ndb.Key(Message, number, parent=room_key)
          for number in xrange(max(1, last - HISTORY + 1), last + 1)]
  return filter(None, ndb.get_multi(keys))


def send_all(client_id):
  """Sends one visitor the history, and everybody the names of who is here."""
  room_key = room_key_of(client_id)
  for message in history_of(room_key):
    channel.send_message(client_id, message.as_json())
  tell_who_is_here(room_key)


def tell_everybody(room_key, text):
  for visitor in people_in(room_key):
    channel.send_message(visitor.key.id(), text)


def tell_who_is_here(room_key):
  names = sorted(set(visitor.nickname for visitor in people_in(room_key)))
  tell_everybody(room_key, json.dumps({'type': 'people', 'names': names}))


class Page(webapp2.RequestHandler):
  def show(self, template, **values):
    values['user'] = users.get_current_user()
    values['logout_url'] = users.create_logout_url('/')
    self.response.write(TEMPLATES.get_template(template).render(values))


class RoomsPage(Page):
  def get(self):
    rooms = Room.query().order(-Room.opened).fetch(20)
    self.show('rooms.html', names=[room.key.id() for room in rooms])

  def post(self):
    name = self.request.get('name').strip().lower().replace(' ', '-')
    if not ROOM_NAME.match(name):
      self.abort(400, 'A name has letters from a to z, digits and hyphens.')
    Room.get_or_insert(name)
    self.redirect('/room/' + str(name))


class RoomPage(Page):
  def get(self, name):
    room = Room.get_by_id(name)
    if room is None:
      self.abort(404)
    user = users.get_current_user()
    client_id = make_client_id(name, user)
    Visitor.get_or_insert(
        client_id, parent=room.key, nickname=user.nickname())
    self.show('room.html', name=name, token=channel.create_channel(client_id))

  def post(self, name):
    room = Room.get_by_id(name)
    text = self.request.get('text').strip()[:LONGEST_TEXT]
    if room is None:
      self.abort(404)
    if text:
      author = users.get_current_user().nickname()
      message = add_message(room.key, author, text)
      tell_everybody(room.key, message.as_json())


class Opened(webapp2.RequestHandler):
  """A page has opened its channel: perhaps a reloaded one, or a second tab.

  Presence is that of a client id, so neither of them is reported as connected.
  """

  def post(self, name):
    client_id = make_client_id(name, users.get_current_user())
    visitor = Visitor.get_by_id(client_id, parent=ndb.Key(Room, name))
    # Who is not here yet gets no messages, and could miss one that comes after the
    # history. Connected is still to come then, and sends it.
    if visitor is not None and visitor.here:
      send_all(client_id)


class Connected(webapp2.RequestHandler):
  def post(self):
    client_id = self.request.get('from')
    # First here, then the history: what comes in between is sent twice, not lost.
    if set_presence(client_id, True):
      send_all(client_id)


class Disconnected(webapp2.RequestHandler):
  def post(self):
    client_id = self.request.get('from')
    if set_presence(client_id, False):
      tell_who_is_here(room_key_of(client_id))


app = webapp2.WSGIApplication([
    ('/', RoomsPage),
    ('/room/([a-z0-9-]+)', RoomPage),
    ('/room/([a-z0-9-]+)/opened', Opened),
    ('/_ah/channel/connected/', Connected),
    ('/_ah/channel/disconnected/', Disconnected),
])
