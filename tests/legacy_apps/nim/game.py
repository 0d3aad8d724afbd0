#!/usr/bin/env python
#
# Nim for two, as a web page.  Take one to three stones; whoever takes
# the last one has lost.

import datetime
import logging
import os
import random
import re
import string

from google.appengine.api import channel
from google.appengine.api import users
from google.appengine.ext import db
from google.appengine.ext import webapp
from google.appengine.ext.webapp import template
from google.appengine.ext.webapp.util import login_required
from google.appengine.ext.webapp.util import run_wsgi_app
from django.utils import simplejson

HEAP = 025


class Game(db.Model):
  """One heap, two players."""
  first = db.UserProperty()
  second = db.UserProperty()
  heap = db.IntegerProperty(default=HEAP)
  turn = db.IntegerProperty(default=1)
  started = db.DateTimeProperty(auto_now_add=True)

  def player(self, number):
    return [None, self.first, self.second][number]

  def number_of(self, user):
    for number in xrange(1, 3):
      if self.player(number) == user:
        return number
    return 0


class Player(db.Model):
  user = db.UserProperty(required=True)
  nickname = db.StringProperty()
  wins = db.IntegerProperty(default=0)


class Move(db.Model):
  player = db.ReferenceProperty(Player, collection_name='moves')
  stones = db.IntegerProperty()
  remark = db.StringProperty()
  number = db.IntegerProperty()


# How many were there when this instance came up?
GAMES_AT_START = Game.all().count(1000)


class Update:
  """What both players' pages are told."""

  def __init__(self, game):
    self.game = game

  def __nonzero__(self):
    return self.game is not None

  def to_json(self):
    state = {'heap': self.game.heap,
             'turn': ('first', 'second')[self.game.turn - 1],
             'half': self.game.heap / 2,
             'over': not self.game.heap}
    if state.has_key('over') and state['over']:
      state['winner'] = self.game.player(self.game.turn).nickname()
    return simplejson.dumps(state)

  def send(self):
    message = self.to_json()
    users_in = filter(None, [self.game.first, self.game.second])
    for user in users_in:
      channel.send_message(client_id(user, self.game), message)
    logging.debug('told %d players' % len(users_in))


def client_id(user, game):
  return user.email() + '/' + game.key().name()


def get_player(user):
  name = filter(lambda c: c in string.letters + string.digits, user.nickname())
  return Player.get_or_insert('p' + user.user_id(), user=user, nickname=name)


def take(key, user, stones, remark):
  """In a transaction: the move, and the game after it."""
  game = Game.get(key)
  number = game.number_of(user)
  if number <> game.turn:
    raise ValueError, 'not your turn'
  if not 1 <= stones <= min(3, game.heap):
    raise ValueError('take 1 to %s' % min(3, game.heap))
  player_key = db.Key.from_path('Player', 'p' + user.user_id())
  count = Move.all(keys_only=True).ancestor(game).count()
  Move(parent=game, player=player_key, stones=stones, remark=remark,
       number=count + 1).put()
  game.heap -= stones
  game.turn = 3 - game.turn
  game.put()
  return game


class MainPage(webapp.RequestHandler):
  @login_required
  def get(self):
    user = users.get_current_user()
    name = self.request.get('g')
    if not re.match(r'\w+$', name or ''):
      name = ''.join(random.choice(string.lowercase) for _ in range(8))
      self.redirect('/?g=' + name)
      return
    get_player(user)
    game = Game.get_by_key_name(name)
    if game is None:
      game = Game(key_name=name, first=user)
      game.put()
    elif not game.second and game.first <> user:
      game.second = user
      game.put()
    moves = db.GqlQuery('SELECT * FROM Move WHERE ANCESTOR IS :1 '
                        'ORDER BY number', game).fetch(100)
    values = {'game': game,
              'me': user,
              'moves': moves,
              'token': channel.create_channel(client_id(user, game)),
              'logout_url': users.create_logout_url(self.request.uri),
              'initial': Update(game).to_json()}
    path = os.path.join(os.path.dirname(__file__), 'templates', 'game.html')
    self.response.out.write(template.render(path, values))


class MovePage(webapp.RequestHandler):
  def post(self):
    game = Game.get_by_key_name(self.request.get('g'))
    try:
      game = db.run_in_transaction(take, game.key(), users.get_current_user(),
                                   int(self.request.get('stones')),
                                   self.request.get('remark'))
    except ValueError, e:
      self.error(409)
      self.response.out.write('Sorry: %s' % e)
      return
    update = Update(game)
    if update:
      update.send()
    self.response.headers['Content-Type'] = 'text/plain'
    self.response.out.write('ok')


class ScorePage(webapp.RequestHandler):
  def get(self):
    self.response.headers['Content-Type'] = 'text/plain'
    print >>self.response.out, 'games at start: %d' % GAMES_AT_START
    players = [p for p in Player.all()]
    players.sort(lambda a, b: cmp(b.moves.count(), a.moves.count()) or
                 cmp(a.nickname, b.nickname))
    for player in players:
      stones = map(lambda m: m.stones, player.moves)
      if stones:
        print >>self.response.out, '%s: %d moves, average %d, most %s' % (
            player.nickname, len(stones), sum(stones) / len(stones),
            max(stones))


class AgePage(webapp.RequestHandler):
  def get(self, name):
    game = Game.get_by_key_name(name)
    age = datetime.datetime.now() - game.started
    self.response.out.write(`age.days` + ' days')


application = webapp.WSGIApplication([('/', MainPage),
                                      ('/move', MovePage),
                                      ('/score', ScorePage),
                                      (r'/admin/age/(\w+)', AgePage)],
                                     debug=True)


def main():
  run_wsgi_app(application)


if __name__ == '__main__':
  main()
