"""Connect Four for two people: the pages."""

import os

import jinja2
import webapp2

from google.appengine.api import channel
from google.appengine.api import memcache

import models
import pairing
import rules

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(
        os.path.join(os.path.dirname(__file__), 'templates')),
    extensions=['jinja2.ext.autoescape'],
    autoescape=True)


class Page(webapp2.RequestHandler):
  def player(self):
    """Returns the secret name in the visitor's cookie, a new one at first."""
    name = self.request.cookies.get('player', '')
    if len(name) != 32 or name.strip('0123456789abcdef'):
      name = os.urandom(16).encode('hex')
      self.response.set_cookie('player', name, httponly=True)
    return name

  def show(self, template, **values):
    self.response.write(TEMPLATES.get_template(template).render(values))


class HomePage(Page):
  def get(self):
    self.player()
    self.show('home.html', played=memcache.get('played') or 0)


class Play(Page):
  def post(self):
    game = pairing.find_game(self.player())
    if game is None:
      self.abort(503, 'Too many people want to play at once: try again.')
    game.tell_players()
    self.redirect('/game/%d' % game.key.id())


class GamePage(Page):
  def get(self, game_id):
    game = models.Game.get_by_id(int(game_id))
    player = self.player()
    if game is None or player not in game.players:
      self.abort(404)
    token = channel.create_channel(game.client_id(player))
    # Read after the channel was made: a move in between is sent over the channel
    # too, not lost.
    game = models.Game.get_by_id(game.key.id(), use_cache=False)
    self.show('game.html', token=token, state=game.state_for(player),
              columns=xrange(rules.COLUMNS),
              rows=xrange(rules.ROWS - 1, -1, -1))


class Move(Page):
  def post(self, game_id):
    try:
      column = self.request.get('column')
      game = models.move(int(game_id), self.player(), column)
    except rules.Refused, refusal:
      self.response.set_status(409)
      self.response.headers['Content-Type'] = 'text/plain'
      self.response.write(str(refusal))
      return
    if rules.winner_of(game.moves) is not None:
      memcache.incr('played', initial_value=0)
    game.tell_players()


class Presence(webapp2.RequestHandler):
  def post(self, change):
    client_id = self.request.get('from')
    game = models.set_presence(client_id, change == 'connected')
    if game is not None:
      game.tell_players()


app = webapp2.WSGIApplication([
    ('/', HomePage),
    ('/play', Play),
    (r'/game/([0-9]{1,18})', GamePage),
    (r'/game/([0-9]{1,18})/move', Move),
    ('/_ah/channel/(connected|disconnected)/', Presence),
])
