"""Finds an opponent: the game that waits for one is a number in memcache."""

from google.appengine.api import memcache

import models

NOBODY = 0
WAIT_SECONDS = 600


def find_game(player):
  """Returns a game that the player is in, or None when too many ask at once."""
  client = memcache.Client()
  for attempt in xrange(20):
    memcache.add('waiting', NOBODY)
    waiting = client.gets('waiting')
    if waiting is None:
      continue
    if waiting == NOBODY:
      game = models.Game(players=[player])
      game.put()
      if client.cas('waiting', game.key.id(), time=WAIT_SECONDS):
        return game
      game.key.delete()
      continue
    game = models.Game.get_by_id(waiting)
    if game is not None and player in game.players:
      return game
    # Whoever changes it back to NOBODY is the opponent.
    if client.cas('waiting', NOBODY):
      game = models.join(waiting, player)
      if game is not None:
        return game
  return None
