"""What is stored of a game, and the transactions that change it."""

import json

from google.appengine.api import channel
from google.appengine.ext import ndb

import rules


class Game(ndb.Model):
  # The players' secret names, red first.
  players = ndb.StringProperty(repeated=True)
  # Those whose pages are open.
  here = ndb.StringProperty(repeated=True)
  # The columns that were played, one digit each.
  moves = ndb.StringProperty(default='')

  def client_id(self, player):
    return '%d-%s' % (self.key.id(), player)

  def state_for(self, player):
    """Returns as JSON what a player sees: digits, booleans and null only."""
    return json.dumps({
        'moves': self.moves,
        'you': self.players.index(player),
        'turn': len(self.moves) % 2,
        'winner': rules.winner_of(self.moves),
        'isFull': len(self.moves) == rules.COLUMNS * rules.ROWS,
        'players': len(self.players),
        'isOpponentHere': any(other != player for other in self.here),
    })

  def tell_players(self):
    for player in self.players:
      channel.send_message(self.client_id(player), self.state_for(player))


@ndb.transactional
def join(game_id, player):
  """Returns the game if the player is in it now, or None."""
  game = Game.get_by_id(game_id)
  if game is None:
    return None
  if player not in game.players:
    if len(game.players) > 1:
      return None
    game.players.append(player)
    game.put()
  return game


@ndb.transactional
def move(game_id, player, column):
  game = Game.get_by_id(game_id)
  if game is None or player not in game.players:
    raise rules.Refused('You do not play in this game.')
  if len(game.players) < 2:
    raise rules.Refused('Nobody plays against you yet.')
  if game.players.index(player) != len(game.moves) % 2:
    raise rules.Refused('It is not your turn.')
  game.moves = rules.add_move(game.moves, column)
  game.put()
  return game


@ndb.transactional
def set_presence(client_id, is_here):
  """Notes that a player's page is open or gone; returns the game, or None."""
  game_id, _, player = client_id.partition('-')
  game = Game.get_by_id(int(game_id))
  if game is None or player not in game.players:
    return None
  game.here = [other for other in game.here if other != player]
  if is_here:
    game.here.append(player)
  game.put()
  return game
