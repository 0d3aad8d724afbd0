import cgi
import urllib

from common import *

form = cgi.FieldStorage()
room = form.getfirst('room', 'hall')
cookie = get_cookie()
name = cookie['name'].value


def leave(people):
    if people.has_key(name):
        del people[name]
    else:
        raise KeyError, name


try:
    change('members ' + room, {}, leave)
except KeyError, e:
    where = '/?' + urllib.urlencode([('room', room), ('unknown', e.args[0])])
else:
    tell(room, name + ' has left')
    where = '/?room=' + urllib.quote(room)
for key in cookie.keys():
    cookie[key] = ''
    cookie[key]['expires'] = 'Thu, 01-Jan-1970 00:00:00 GMT'
print 'Status: 302 Found'
print cookie
print 'Location: http://%s%s' % (os.environ['HTTP_HOST'], where)
print
