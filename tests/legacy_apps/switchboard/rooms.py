import json
import logging
import threading

import channel

_lock = threading.Lock()
_rooms = {}


class Full(Exception):
  def __init__(self, room):
    Exception.__init__(self, 'room %s is full' % room)
    self.room = room


class Room(object):
  """Two people at most; offers wait for the second."""

  def __init__(self, name):
    self.name = name
    self.users = []
    self.connected = set()
    self.waiting = []
    self.tokens = {}

  def __str__(self):
    return '[%s]' % ', '.join(['%s%s' % (u, '*' * (u in self.connected))
                               for u in self.users])

  def __len__(self):
    return len(self.users)

  def other(self, user):
    others = [u for u in self.users if u != user]
    return others[0] if others else None

  def send(self, user, message):
    # A token reaches its page just as well as the id.
    target = self.tokens.get(user) or channel.make_id(self.name, user)
    channel.send(target, message)

  def deliver(self, sender, message):
    to = self.other(sender)
    if to and to in self.connected:
      self.send(to, message)
      return 1
    self.waiting.append((sender, message))
    return 0

  def flush(self, user):
    mine = [m for (s, m) in self.waiting if s != user]
    self.waiting = filter(lambda (s, m): s == user, self.waiting)
    map(lambda m: self.send(user, m), mine)
    return len(mine)


def enter(name, user):
  _lock.acquire()
  try:
    room = _rooms.setdefault(name, Room(name))
    if user not in room.users:
      if len(room) >= 2:
        raise Full, name
      room.users.append(user)
    return room
  finally:
    _lock.release()


def get(name):
  return _rooms.get(name)


def leave(name, user):
  room = _rooms.get(name)
  if room is None:
    return
  other = room.other(user)
  if user in room.users:
    room.users.remove(user)
  room.connected.discard(user)
  if other:
    room.send(other, json.dumps({'type': 'bye', 'from': user}))
  for key, value in _rooms.items():
    if not value:
      del _rooms[key]
  logging.info('room %s has %s', name, room)
