"""A WSGI program of Python 2.7 on a server of Python 3."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.python27.app import App

CALL = """
    import io
    from channelshim.python27.wsgi import bridge
    main = import_app('main')
    environ = {'PATH_INFO': '/\\xc3\\xa9', 'HTTP_X': '\\xff', 'QUERY_STRING': 'a=1',
               'wsgi.input': io.BytesIO(b'body\\xff')}
    written = []
    def start_response(status, headers, exc_info=None):
        print(repr(status), headers)
        return written.append
    program = bridge(main.program)
    chunks = program(environ, start_response)
    print(list(chunks), written)
    if hasattr(chunks, 'close'): chunks.close()
    print(environ['PATH_INFO'].encode('latin-1'))
"""


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path)


def test_a_function_that_gives_native_strings(app: App) -> None:
    app.write(
        {
            "main.py": """
                def program(environ, start_response):
                    write = start_response('200 OK', [('X-Name', u'é'.encode('utf-8'))])
                    write('é')
                    write(chr(255))
                    body = environ['wsgi.input'].read()
                    assert len(body) == 5 and body[4] == '\\xff'
                    assert environ['PATH_INFO'] == '/é', environ
                    # The server refuses the last one.
                    return ['text é', u'unicode', chr(200), environ['HTTP_X'], 3]
            """
        }
    )
    assert app.run(CALL).splitlines() == [
        "'200 OK' [('X-Name', 'Ã©')]",
        "[b'text \\xc3\\xa9', b'unicode', b'\\xc8', b'\\xff', 3] "
        "[b'\\xc3\\xa9', b'\\xff']",
        "b'/\\xc3\\xa9'",
    ]


def test_an_object_with_a_call_and_a_body_to_close(app: App) -> None:
    app.write(
        {
            "main.py": """
                class Answer:
                    def __iter__(self): return iter(['a', 'b'])
                    def close(self): print 'closed'
                class Program(object):
                    def __call__(self, environ, start_response):
                        start_response('404 Not Found', [])
                        return Answer()
                program = Program()
            """
        }
    )
    assert app.run(CALL).splitlines() == [
        "'404 Not Found' []",
        "[b'a', b'b'] []",
        "closed",
        "b'/\\xc3\\xa9'",
    ]


def test_an_installed_framework_is_left_alone(app: App) -> None:
    app.write({"main.py": "import webapp2\nprogram = webapp2.WSGIApplication([])"})
    code = """
        from channelshim.python27.wsgi import bridge
        main = import_app('main')
        assert bridge(main.program) is main.program
        print('ok')
    """
    assert app.run(code) == "ok\n"


def test_an_installed_framework_behind_a_function_of_the_app(app: App) -> None:
    app.write(
        {
            "main.py": """
                import urllib
                import webapp2
                import webob

                class Page(webapp2.RequestHandler):
                    def get(self, rest):
                        self.response.write(self.request.path + u' ' + rest)

                inner = webapp2.WSGIApplication([('/(.*)', Page)])

                def program(environ, start_response):
                    path = urllib.quote(environ['PATH_INFO']) + '|'
                    return [path] + list(inner(environ, start_response))

                def asking(environ, start_response):
                    path = webob.Request(environ).path + '|'
                    return [path] + list(inner(environ, start_response))

                def around(program):
                    def wrapper(environ, start_response):
                        webob.Request(environ).cookies
                        return program(environ, start_response)
                    return wrapper
            """
        }
    )
    code = """
        import webapp2
        import webob.request
        from channelshim.compat import legacy_modules, legacy_webob
        legacy_webob.patch_request(webob.request)
        legacy_modules.patch_webapp2(webapp2)
        from channelshim.python27.wsgi import bridge, unbridge
        main = import_app('main')
        around = main.around(unbridge(main.inner))
        def ask(program, path):
            environ = {'PATH_INFO': path.decode('latin-1'), 'REQUEST_METHOD': 'GET'}
            print(b''.join(bridge(program)(environ, lambda *answer: None)).decode())
        paths = [path.encode() for path in ('/plain', '/é', '/€')]
        for path in [*paths, b'/' + bytes([255])]:
            ask(main.program, path)
        for path in paths:
            ask(main.asking, path)
        for path in paths:
            ask(around, path)
    """
    assert app.run(code).splitlines() == [
        *("/plain|/plain plain", "/%C3%A9|/%C3%A9 é", "/%E2%82%AC|/%E2%82%AC €"),
        # webapp2 has no text for it.
        *("/%FF|/%FF \ufffd", "/plain|/plain plain"),
        *("/%C3%A9|/%C3%A9 é", "/%E2%82%AC|/%E2%82%AC €"),
        # Middleware that has made a request before.
        *("/plain plain", "/%C3%A9 é", "/%E2%82%AC €"),
    ]


def test_django_and_flask_behind_a_function_of_the_app(app: App) -> None:
    app.write(
        {
            "main.py": """
                def program(environ, start_response):
                    return inner(environ, start_response)
            """,
            # The app's own copy wants what the app's functions want.
            "django_of_the_app.py": """
                class WSGIHandler(object):
                    def __call__(self, environ, start_response):
                        return [environ['PATH_INFO']]
            """,
        }
    )
    code = """
        import importlib, io, sys, types
        from channelshim.compat import native_environs
        for name, patch in native_environs.changes():
            patch(importlib.import_module(name))
        from channelshim.python27.wsgi import bridge
        main = import_app('main')

        from django.conf import settings
        settings.configure(SECRET_KEY='x', ALLOWED_HOSTS=['*'], ROOT_URLCONF='urls')
        import django
        from django.http import HttpResponse
        from django.urls import re_path
        django.setup()
        urls = sys.modules['urls'] = types.ModuleType('urls')
        def show(request):
            return HttpResponse(request.path + ' ' + request.COOKIES.get('c', ''))
        urls.urlpatterns = [re_path('.*', show)]
        from django.core.handlers.wsgi import WSGIHandler

        import flask
        flasked = flask.Flask('flasked')
        @flasked.route('/<path:path>')
        def page(path):
            return path

        own = import_app('django_of_the_app')
        for name, patch in native_environs.changes():
            if name.startswith('django'):
                patch(own)

        def ask(path):
            environ = {
                'PATH_INFO': path.decode('latin-1'), 'REQUEST_METHOD': 'GET',
                'SERVER_NAME': 'x', 'SERVER_PORT': '80', 'wsgi.url_scheme': 'http',
                'wsgi.input': io.BytesIO(), 'wsgi.errors': sys.stderr,
                'HTTP_COOKIE': b'c=\\xc3\\xa9'.decode('latin-1'),
            }
            answer = bridge(main.program)(environ, lambda *head: None)
            print(b''.join(answer).decode())
        for inner in (WSGIHandler(), flasked, own.WSGIHandler()):
            main.inner = inner
            for path in (b'/plain', b'/\\xc3\\xa9', b'/\\xe2\\x82\\xac'):
                ask(path)
    """
    assert app.run(code).splitlines() == [
        *("/plain é", "/é é", "/€ é"),
        *("plain", "é", "€"),
        *("/plain", "/é", "/€"),
    ]
