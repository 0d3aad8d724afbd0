"""Messages that Google's SDK hands to an app of Python 2.7, and to nobody else.

What the original gave is in tests/compat/text_rows/messages_27.rows.
"""

from __future__ import annotations

from pathlib import Path

from tests.python27.app import App

APP = """
    from google.appengine.api import apiproxy_stub, apiproxy_stub_map, memcache
    seen = []
    class Hooks(object):
        def before(self, service, call, request, response):
            seen.append(('method', request.key_list()))
    def with_error(service, call, request, response, rpc, error):
        seen.append(('six', request.key_size(), error))
    class Stub(apiproxy_stub.APIProxyStub):
        _ACCEPTS_REQUEST_ID = True
        def _Dynamic_Get(self, request, response, request_id):
            item = response.add_item()
            item.set_key(request.key(0))
            item.set_value('mine')
    proxy = apiproxy_stub_map.APIProxyStubMap()
    apiproxy_stub_map.apiproxy = proxy
    proxy.RegisterStub('memcache', Stub('memcache'))
    hooks = proxy.GetPreCallHooks()
    print hooks.Append('m', Hooks().before), hooks.Append('e', with_error, 'memcache'),
    print hooks.Append('e', with_error, 'memcache')
    print memcache.get('k'), seen
"""

DRIVER = """
import_app('main')
from google.appengine.api import apiproxy_stub_map
seen = []
def plain(service, call, request, response):
    seen.append(list(request.key))
apiproxy_stub_map.apiproxy.GetPreCallHooks().Push('p', plain)
from google.appengine.api import memcache
memcache.get('z')
print(seen)
from google.appengine.ext import ndb
print(type(ndb.Key('A', 'b').reference()).__module__)
"""


def test_hooks_and_stubs_of_the_app_get_messages_of_its_day(tmp_path: Path) -> None:
    app = App(tmp_path)
    app.write({"main.py": APP})
    environment = {"APPLICATION_ID": "app", "AUTH_DOMAIN": "gmail.com"}
    lines = app.run(
        "from channelshim import appengine; appengine.install()" + DRIVER, **environment
    ).splitlines()
    assert lines == [
        "True True False",
        "mine [('method', ['k']), ('six', 1, None)]",
        "[[b'z']]",
        "google.appengine.datastore.entity_bytes_pb2",
    ]


FILES = """
    import webob
    from StringIO import StringIO
    body = '\\r\\n'.join(['--X', 'Content-Disposition: form-data; name="f"; '
                        'filename="a"', '', 'one\\ntwo\\n', '--X--', ''])
    request = webob.Request.blank('/', method='POST', content_type=
                                  'multipart/form-data; boundary=X')
    request.body = body
    upload = request.POST['f'].file
    print upload.readlines(), upload.seek(0), [line + u'x' for line in upload]
    upload.seek(0)
    print repr(upload.read(3)), repr(upload.readline()), upload.tell()
    upload.seek(0, 2)
    upload.write(u'\\xe9')
    upload.seek(8)
    print repr(upload.read())
    print repr(request.body_file.read(0)), request.POST.get('none')
"""

LIBRARY = """
import_app('main')
upload = sys.modules['main'].upload
upload.seek(0)
print(type(upload.read(1)).__name__, type(upload.readline()).__name__)
print([type(line).__name__ for line in upload], upload.readlines())
"""


def test_files_of_a_form_are_strings_for_the_app_alone(tmp_path: Path) -> None:
    app = App(tmp_path)
    app.write({"main.py": FILES})
    lines = app.run(
        "from channelshim import appengine; appengine.install()" + LIBRARY
    ).splitlines()
    assert lines == [
        "['one\\n', 'two\\n'] 0 ['one\\nx', 'two\\nx']",
        r"'one' '\n' 4",
        r"'\xc3\xa9'",
        "'' None",
        "bytes bytes",
        "['bytes', 'bytes'] []",
    ]
