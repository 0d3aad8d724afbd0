# -*- coding: utf-8 -*-
"""A web framework in one file.

    app = App()

    @app.get('/hello/<name>')
    def hello(name):
        return 'Hello %s!' % name
"""

__author__ = 'nobody'
__version__ = 0, 3

import cgi
import Cookie
import hashlib
import httplib
import itertools
import re
import sys
import threading
import thread
import traceback
import types
import urllib
from StringIO import StringIO
from UserDict import DictMixin

try:
    import json
except ImportError:
    import simplejson as json


class HTTPError(Exception):
    def __init__(self, code, text=None, **headers):
        self.code = code
        self.headers = headers.items()
        Exception.__init__(self, text or httplib.responses[code])


class Redirect(HTTPError):
    def __init__(self, where):
        HTTPError.__init__(self, 303, 'See ' + where, Location=where)


class MultiDict(DictMixin):
    """Names with several values; the last one counts."""

    def __init__(self, pairs=()):
        self.dict = {}
        for key, value in pairs:
            self.dict.setdefault(key, []).append(value)

    def __getitem__(self, key):
        return self.dict[key][-1]

    def __setitem__(self, key, value):
        self.dict[key] = [value]

    def __delitem__(self, key):
        del self.dict[key]

    def keys(self):
        return self.dict.keys()

    def getall(self, key):
        return self.dict.get(key) or []


class Headers(list):
    def __setitem__(self, name, value):
        if isinstance(value, unicode):
            value = value.encode('utf-8')
        self.append((name.title().replace('_', '-'), str(value)))


class Request(threading.local):
    """What is asked; one object, in each thread another request's."""

    def bind(self, environ):
        self.environ = environ
        self.path = environ.get('PATH_INFO') or '/'
        self.method = environ['REQUEST_METHOD'].upper()
        self._forms = None

    @property
    def query(self):
        return MultiDict(cgi.parse_qsl(self.environ.get('QUERY_STRING', ''), 1))

    @property
    def forms(self):
        if self._forms is None:
            environ = dict(self.environ, QUERY_STRING='')
            fields = cgi.FieldStorage(fp=StringIO(self.body), environ=environ,
                                      keep_blank_values=True)
            self._forms = MultiDict()
            for item in fields.list or ():
                value = item if item.filename else item.value
                self._forms.dict.setdefault(item.name, []).append(value)
        return self._forms

    @property
    def body(self):
        if not hasattr(self, '_body') or self._body[0] is not self.environ:
            length = int(self.environ.get('CONTENT_LENGTH') or 0)
            self._body = self.environ, self.environ['wsgi.input'].read(length)
        return self._body[1]

    @property
    def cookies(self):
        cookie = Cookie.SimpleCookie(self.environ.get('HTTP_COOKIE', ''))
        return dict((key, morsel.value) for key, morsel in cookie.iteritems())

    def header(self, name):
        return self.environ.get('HTTP_' + name.upper().replace('-', '_'))


class Response(threading.local):
    def bind(self):
        self.code = 200
        self.headers = Headers()
        self.cookie = Cookie.SimpleCookie()
        self.type = 'text/html; charset=utf-8'

    def set_cookie(self, name, value, **options):
        self.cookie[name] = value
        for key, option in options.iteritems():
            self.cookie[name][key.replace('_', '-')] = option


request = Request()
response = Response()


class Route(object):
    serial = itertools.count().next

    def __init__(self, method, rule, target):
        self.method, self.target = method, target
        pattern = re.sub(r'<(\w+)(?::(\w+))?>', self._group, rule)
        self.regex = re.compile('^%s$' % pattern)
        self.filters = dict(re.findall(r'<(\w+):(\w+)>', rule))
        self.number = self.serial()

    def _group(self, match):
        kind = {'int': r'-?\d+', 'path': '.+', None: '[^/]+'}[match.group(2)]
        return '(?P<%s>%s)' % (match.group(1), kind)

    def match(self, path):
        found = self.regex.match(path)
        if found:
            values = found.groupdict()
            for name, kind in self.filters.items():
                if kind == 'int':
                    values[name] = int(values[name])
            return values

    def __cmp__(self, other):
        return cmp((self.regex.pattern.count('?P'), self.number),
                   (other.regex.pattern.count('?P'), other.number))


class App:
    def __init__(self, catchall=True):
        self.routes = []
        self.catchall = catchall
        self.errors = {}
        self.hooks = {'before': [], 'after': []}

    def route(self, rule, method='GET'):
        def decorator(function):
            self.routes.append(Route(method, rule, function))
            self.routes.sort()
            return function
        return decorator

    def get(self, rule):
        return self.route(rule, 'GET')

    def post(self, rule):
        return self.route(rule, 'POST')

    def error(self, code):
        return lambda function: self.errors.__setitem__(code, function)

    def hook(self, name):
        def decorator(function):
            self.hooks[name].append(function)
            return function
        return decorator

    def find(self, method, path):
        allowed = []
        for route in self.routes:
            values = route.match(path)
            if values is None:
                continue
            if route.method == method:
                return route.target, values
            allowed.append(route.method)
        if allowed:
            raise HTTPError(405, Allow=', '.join(allowed))
        raise HTTPError(404, 'Not here: ' + path)

    def handle(self):
        try:
            for function in self.hooks['before']:
                function()
            target, values = self.find(request.method, request.path)
            return target(**values)
        except HTTPError, e:
            response.code = e.code
            response.headers.extend(e.headers)
            if e.code in self.errors:
                return self.errors[e.code](e)
            return '%d: %s' % (e.code, cgi.escape(e.message))
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except Exception:
            if not self.catchall:
                raise
            kind, value, tb = sys.exc_info()
            response.code = 500
            response.type = 'text/plain'
            last = traceback.extract_tb(tb)[-1]
            return '%s: %s in %s' % (kind.__name__, value, last[2])

    def cast(self, result):
        """Whatever a handler gives back, as strings."""
        if result is None:
            return ['']
        if isinstance(result, dict):
            response.type = 'application/json'
            result = json.dumps(result)
        if isinstance(result, unicode):
            result = result.encode('utf-8')
        if isinstance(result, str):
            response.headers['content_length'] = len(result)
            return [result]
        if hasattr(result, 'read'):
            return iter(lambda: result.read(8 * 1024), '')
        if type(result) is types.GeneratorType:
            first = result.next()
            return itertools.chain(self.cast(first)[:1],
                                   itertools.imap(lambda x: x.encode('utf-8'),
                                                  result))
        raise TypeError('%s is no answer' % type(result))

    def __call__(self, environ, start_response):
        request.bind(environ)
        response.bind()
        body = self.cast(self.handle())
        for function in self.hooks['after']:
            function()
        status = '%d %s' % (response.code, httplib.responses[response.code])
        headers = [('Content-Type', response.type)]
        headers += [pair for pair in response.headers
                    if not (pair[0] == 'Content-Length' and type(body) <> list)]
        for morsel in response.cookie.values():
            headers.append(('Set-Cookie', morsel.OutputString()))
        start_response(status, headers)
        if request.method == 'HEAD':
            return []
        return body


class Template(object):
    """Text with $names and lines of Python:

        % for x in y:
        $x, ${x + 1}
        % end
    """

    cache = {}
    lock = thread.allocate_lock()

    def __init__(self, source):
        self.code = compile(self.translate(source), '<template>', 'exec')

    @classmethod
    def get(cls, name):
        with cls.lock:
            if not cls.cache.has_key(name):
                cls.cache[name] = cls(open(name, 'rU').read().decode('utf8'))
        return cls.cache[name]

    def translate(self, source):
        lines, depth = ['_out = []', '_w = _out.append'], 0
        for line in source.split(u'\n'):
            stripped = line.strip()
            if stripped.startswith('%'):
                code = stripped[1:].strip()
                if code == 'end':
                    depth -= 1
                    continue
                if code.split(None, 1)[0].rstrip(':') in ('else', 'elif', 'except'):
                    depth -= 1
                lines.append('    ' * depth + code)
                if code.endswith(':'):
                    depth += 1
                continue
            pieces = re.split(r'\$(\{[^}]*\}|\w+)', line)
            for n in xrange(len(pieces)):
                if n % 2:
                    lines.append('    ' * depth + '_w(_str(%s))' % pieces[n].strip('{}'))
                elif pieces[n]:
                    lines.append('    ' * depth + '_w(%r)' % pieces[n])
            lines.append('    ' * depth + "_w(u'\\n')")
        return '\n'.join(lines)

    def render(self, **values):
        names = dict(values, _str=self._str)
        exec self.code in names
        return u''.join(names['_out'])

    @staticmethod
    def _str(value):
        if not isinstance(value, basestring):
            value = unicode(value)
        if isinstance(value, str):
            value = value.decode('utf-8')
        return cgi.escape(value, quote=1)


def signed(value, secret='s3cret'):
    return '%s!%s' % (value, hashlib.sha1(secret + value).hexdigest()[:10])


def unsigned(text):
    value, mark, digest = (text or '').partition('!')
    if mark and signed(value) == text:
        return urllib.unquote(value)
