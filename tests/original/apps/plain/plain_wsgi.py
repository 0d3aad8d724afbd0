# -*- coding: utf-8 -*-
TEXT = [('Content-Type', 'text/plain')]


class Closing(object):
    def __init__(self, pieces):
        self.pieces = iter(pieces)

    def __iter__(self):
        return self

    def next(self):
        return next(self.pieces)

    __next__ = next

    def close(self):
        pass


def pieces(*parts):
    for part in parts:
        yield part


def broken(first):
    yield first
    raise ValueError('midway')


def app(environ, start_response):
    path = environ['PATH_INFO']
    name = path.strip('/').replace('/', '_')
    function = globals().get('do_' + name.partition('-')[0])
    if function is None:
        start_response('404 Not Found', TEXT)
        return [b'no such case']
    return function(environ, start_response, name.partition('-')[2])


def do_list(environ, start, _):
    start('200 OK', TEXT)
    return [b'one', b'two', b'three']


def do_str(environ, start, _):
    start('200 OK', TEXT)
    return ['Hello']


def do_empty(environ, start, _):
    start('200 OK', TEXT)
    return []


def do_generator(environ, start, _):
    start('200 OK', TEXT)
    return pieces(b'one', b'', b'two')


def do_closing(environ, start, _):
    start('200 OK', TEXT)
    return Closing([b'a', b'b'])


def do_write(environ, start, _):
    write = start('200 OK', TEXT)
    write(b'written ')
    return [b'returned']


def do_late(environ, start, _):
    def body():
        start('200 OK', TEXT)
        yield b'late'
    return body()


def do_never(environ, start, _):
    return [b'no start_response']


def do_twice(environ, start, _):
    start('200 OK', TEXT)
    start('201 Created', TEXT)
    return [b'twice']


def do_status(environ, start, line):
    start(line.replace('_', ' '), TEXT)
    return [b'a body of status ' + line.encode('ascii')]


def do_midraise(environ, start, _):
    start('200 OK', TEXT)
    return broken(b'half')


def do_raise(environ, start, _):
    raise ValueError('at once')


def do_length(environ, start, number):
    start('200 OK', TEXT + [('Content-Length', number)])
    return [b'0123456789']


def do_stream(environ, start, number):
    start('200 OK', TEXT + [('Content-Length', number)])
    return pieces(b'01234', b'56789')


def do_notype(environ, start, _):
    start('200 OK', [])
    return [b'no type']


def do_header(environ, start, kind):
    extra = {
        'newline': [('X-Bad', 'a\nX-Evil: b')],
        'nul': [('X-Bad', 'a\0b')],
        'name': [('X Bad', 'a')],
        'hop': [('Connection', 'close'), ('Keep-Alive', '1')],
        'space': [('X-Space', ' a ')],
        'empty': [('X-Empty', '')],
        'server': [('Server', 'own'), ('Date', 'Mon, 01 Jan 2001 00:00:00 GMT')],
        'chunked': [('Transfer-Encoding', 'chunked')],
        'platform': [('X-AppEngine-Own', 'a'), ('X-Google-Own', 'b')],
        'case': [('content-TYPE-x', 'a'), ('x-lower', 'b')],
    }[kind]
    start('200 OK', TEXT + extra)
    return [b'header']


def do_body(environ, start, _):
    start('200 OK', TEXT)
    length = int(environ.get('CONTENT_LENGTH') or 0)
    return [str(len(environ['wsgi.input'].read(length))).encode('ascii')]


def do_path(environ, start, _):
    start('200 OK', TEXT)
    return [repr([environ['PATH_INFO'], environ['QUERY_STRING']]).encode('ascii')]


def do_keys(environ, start, _):
    start('200 OK', TEXT)
    return [' '.join(sorted(key for key in environ if key.startswith('CONTENT'))).encode('ascii')]
