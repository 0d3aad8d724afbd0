#!/usr/bin/python2.5
import cgi

from common import *


def main():
    form = cgi.FieldStorage()
    room = form.getfirst('room', 'hall')
    text = form.getfirst('text', '').strip()
    cookie = get_cookie()
    if not cookie.has_key('name') or not text:
        print 'Status: 400 Bad Request'
        print 'Content-Type: text/plain'
        print
        print 'no name' if not cookie.has_key('name') else 'no text'
        return
    name = cookie['name'].value
    if text.startswith('/me '):
        line = '* ' + name + text[3:]
    else:
        line = '%s: %s' % (name, text)

    def append(lines):
        lines.append(line)
        del lines[:-10]

    lines = memcache.get('lines ' + room) or []
    append(lines)
    memcache.set('lines ' + room, lines)
    number = memcache.incr('count ' + room, initial_value=0)
    told = tell(room, line)
    print 'Content-Type: text/plain; charset=utf-8'
    print
    print 'line', number, 'of', len(line.decode('utf-8')), 'letters to', told,
    print 'people'


if __name__ == '__main__':
    main()
