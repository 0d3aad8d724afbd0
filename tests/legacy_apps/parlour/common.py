# Everything the scripts share.  State is in memcache: a room is forgotten
# when nobody comes.

import Cookie
import cPickle
import md5
import os
import time

from google.appengine.api import memcache
from google.appengine.api import xmpp
from google.appengine.api.channel import send_message

LIMIT = 1024 * 1024


def hexmd5(text):
    if isinstance(text, unicode):
        text = text.encode('utf-8')
    return md5.new(text).hexdigest()


def wall_id(room):
    # One channel for every wall display of the room.
    return 'wall-' + hexmd5(room)


def get_cookie():
    cookie = Cookie.SimpleCookie()
    if os.environ.has_key('HTTP_COOKIE'):
        cookie.load(os.environ['HTTP_COOKIE'])
    return cookie


def change(key, default, function):
    """Compare and set, until nobody has been faster."""
    client = memcache.Client()
    while True:
        pickled = client.gets(key)
        if pickled is None:
            client.add(key, cPickle.dumps(default))
            continue
        value = cPickle.loads(pickled)
        function(value)
        if client.cas(key, cPickle.dumps(value, 2)):
            return value


def members(room):
    pickled = memcache.get('members ' + room)
    if not pickled:
        return {}
    return cPickle.loads(pickled)


def forget_old(people, now, seconds):
    for name, (ident, seen) in people.items():
        if now - seen > seconds:
            del people[name]


def tell(room, line):
    count = 0
    for name, (ident, seen) in sorted(members(room).iteritems()):
        send_message(ident, line)
        count += 1
    send_message(wall_id(room), line)
    try:
        xmpp.send_message('wall@example.com', line)
    except xmpp.Error, (message,):
        pass
    except Exception, e:
        print >>open(os.devnull, 'w'), 'no xmpp', e
    return count
