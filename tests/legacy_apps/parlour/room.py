#!/usr/bin/python2.5
import cgi
import random
import string
import sys
import time

from google.appengine.api import channel

from common import *

form = cgi.FieldStorage()
room = form.getfirst('room', 'hall')
cookie = get_cookie()

if cookie.has_key('ident'):
    ident = cookie['ident'].value
    visits = int(cookie['visits'].value) + 1
else:
    ident = hexmd5('%s %f' % (room, random.random()))
    visits = 1

if form.has_key('name'):
    name = form['name'].value
elif cookie.has_key('name'):
    name = cookie['name'].value
else:
    name = 'guest-' + ''.join([random.choice(string.letters + string.digits)
                               for i in range(4)])

cookie['ident'] = ident
cookie['ident']['path'] = '/'
cookie['visits'] = visits
cookie['name'] = name
cookie['name']['max-age'] = 7 * 24 * 3600

now = time.time()


def enter(people):
    forget_old(people, now, 60 * 60)
    people[name] = (ident, now)


people = change('members ' + room, {}, enter)
lines = memcache.get('lines ' + room) or []
token = channel.create_channel(ident)

print 'Content-Type: text/html; charset=utf-8'
print cookie
print 'X-Room-Hash:', hexmd5(room)
print
values = {'room': cgi.escape(room), 'name': cgi.escape(name, True),
          'count': len(people), 'visits': visits, 'token': token,
          'wall': channel.create_channel(wall_id(room)),
          'lines': cgi.escape('\n'.join(lines))}
sys.stdout.write(open('page.txt').read() % values)
