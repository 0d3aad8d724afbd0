"""A whiteboard that several people draw on at the same time."""

import json
import os
import re

import jinja2
import webapp2

from google.appengine.api import channel
from google.appengine.ext import ndb

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(
        os.path.join(os.path.dirname(__file__), 'templates')),
    extensions=['jinja2.ext.autoescape'],
    autoescape=True)

WIDTH, HEIGHT = 1000, 600
MOST_POINTS = 200
MOST_STROKES = 500
COLOUR = re.compile(r'#[0-9a-f]{6}$')


class Board(ndb.Model):
  """A board shows the strokes after `cleared`, up to `last`."""
  last = ndb.IntegerProperty(default=0)
  cleared = ndb.IntegerProperty(default=0)


class Stroke(ndb.Model):
  """A line through points; its parent is the board, its id the number."""
  drawing = ndb.TextProperty()


class Pen(ndb.Model):
  """A page that has the board open; its parent is the board, its id the client id."""


def read_stroke(text):
  """Returns a stroke as a dict; anything else raises ValueError or TypeError."""
  stroke = json.loads(text)
  if not isinstance(stroke, dict):
    raise ValueError('not an object')
  colour, points = stroke.get('colour'), stroke.get('points')
  if not isinstance(colour, basestring) or not COLOUR.match(colour):
    raise ValueError('no such colour')
  if not isinstance(points, list) or not 1 <= len(points) <= MOST_POINTS:
    raise ValueError('too many points, or none')
  for x, y in points:
    if not (isinstance(x, int) and isinstance(y, int)
            and 0 <= x <= WIDTH and 0 <= y <= HEIGHT):
      raise ValueError('outside of the board')
  return {'colour': colour, 'points': points}


@ndb.transactional
def add_stroke(board_key, drawing):
  board = board_key.get()
  board.last += 1
  stroke = Stroke(parent=board_key, id=board.last, drawing=json.dumps(drawing))
  ndb.put_multi([board, stroke])
  return stroke


@ndb.transactional
def clear(board_key):
  board = board_key.get()
  board.cleared = board.last
  board.put()


def strokes_on(board_key):
  board = board_key.get()
  first = max(board.cleared, board.last - MOST_STROKES) + 1
  keys = [ndb.Key(Stroke, number, parent=board_key)
          for number in xrange(first, board.last + 1)]
  return filter(None, ndb.get_multi(keys))


def tell_everybody(board_key, text):
  for pen in Pen.query(ancestor=board_key).fetch(keys_only=True):
    channel.send_message(pen.id(), text)


def board_key_of(client_id):
  return ndb.Key(Board, client_id.split('-')[0])


class NewBoard(webapp2.RequestHandler):
  def get(self):
    board = Board(id=os.urandom(8).encode('hex'))
    board.put()
    self.redirect('/' + board.key.id())


class BoardPage(webapp2.RequestHandler):
  def get(self, name):
    if Board.get_by_id(name) is None:
      self.abort(404)
    # A channel for each page, not for each person.
    client_id = '%s-%s' % (name, os.urandom(8).encode('hex'))
    template = TEMPLATES.get_template('board.html')
    self.response.write(template.render(
        token=channel.create_channel(client_id), width=WIDTH, height=HEIGHT))


class Strokes(webapp2.RequestHandler):
  def post(self, name):
    board = Board.get_by_id(name)
    if board is None:
      self.abort(404)
    try:
      drawing = read_stroke(self.request.body)
    except (TypeError, ValueError), error:
      self.abort(400, str(error))
    stroke = add_stroke(board.key, drawing)
    tell_everybody(board.key, stroke.drawing)

  def delete(self, name):
    board = Board.get_by_id(name)
    if board is None:
      self.abort(404)
    clear(board.key)
    tell_everybody(board.key, json.dumps({'clear': True}))


class Connected(webapp2.RequestHandler):
  def post(self):
    client_id = self.request.get('from')
    board_key = board_key_of(client_id)
    if board_key.get() is None:
      return
    # First known, then the strokes so far: what is drawn in between comes twice,
    # which looks the same.
    Pen(parent=board_key, id=client_id).put()
    for stroke in strokes_on(board_key):
      channel.send_message(client_id, stroke.drawing)


class Disconnected(webapp2.RequestHandler):
  def post(self):
    client_id = self.request.get('from')
    ndb.Key(Pen, client_id, parent=board_key_of(client_id)).delete()


app = webapp2.WSGIApplication([
    ('/', NewBoard),
    ('/([0-9a-f]{16})', BoardPage),
    ('/([0-9a-f]{16})/strokes', Strokes),
    ('/_ah/channel/connected/', Connected),
    ('/_ah/channel/disconnected/', Disconnected),
])
