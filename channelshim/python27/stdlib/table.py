"""Which module of ours stands over which module of Python 3, by its name in 2.7."""

from __future__ import annotations

import sys
from typing import Final

SAME: Final = (
    *("argparse", "fractions", "fnmatch", "pickletools", "timeit"),
    *("re", "string", "json", "pickle", "csv", "codecs", "struct", "zlib", "hashlib"),
    *("hmac", "base64", "binascii", "itertools", "operator", "collections", "types"),
    *("os", "random", "math", "time", "gettext", "logging", "unittest", "cgi"),
    *("marshal", "array", "io", "gzip", "zipfile", "tempfile", "inspect", "threading"),
    *("pkgutil", "importlib", "platform", "subprocess", "socket", "shlex", "locale"),
    *("functools", "shelve", "bz2", "uuid", "quopri", "contextlib", "ssl", "sqlite3"),
    "plistlib",
    "traceback",
)
"""Modules of one name in both: `re` is `re_27.py` over `re`."""

SHADOWS: Final[dict[str, tuple[str | None, str | None]]] = {
    # name in 2.7: (module of Python 3 below, file of ours above)
    "urllib": (None, "urllib_27"),
    "urllib2": ("urllib.request", "urllib2_27"),
    "urlparse": ("urllib.parse", "urlparse_27"),
    "httplib": ("http.client", "httplib_27"),
    "Cookie": ("http.cookies", "cookie_27"),
    "cookielib": ("http.cookiejar", "cookielib_27"),
    "StringIO": (None, "stringio_27"),
    "cStringIO": (None, "cstringio_27"),
    "simplejson": ("json", "json_27"),
    "cPickle": ("pickle", "pickle_27"),
    "ConfigParser": ("configparser", "configparser_27"),
    "HTMLParser": ("html.parser", "htmlparser_27"),
    "htmlentitydefs": ("html.entities", "htmlentitydefs_27"),
    "htmllib": (None, "htmllib_27"),
    "formatter": (None, "formatter_27"),
    "sgmllib": ("sgmllib", None),
    "markupbase": ("_markupbase", "markupbase_27"),
    "md5": (None, "md5_27"),
    "sha": (None, "sha_27"),
    "sets": (None, "sets_27"),
    "UserDict": (None, "userdict_27"),
    "UserList": (None, "userlist_27"),
    "UserString": (None, "userstring_27"),
    "Queue": ("queue", "queue_27"),
    "thread": ("_thread", "thread_27"),
    "dummy_thread": (None, "dummy_thread_27"),
    "dummy_threading": ("threading", "threading_27"),
    "new": (None, "new_27"),
    "exceptions": (None, "exceptions_27"),
    "commands": (None, "commands_27"),
    "popen2": (None, "popen2_27"),
    "rfc822": (None, "rfc822_27"),
    "uu": (None, "uu_27"),
    "mutex": (None, "mutex_27"),
    "mimetools": (None, "mimetools_27"),
    "imghdr": (None, "imghdr_27"),
    "imp": (None, "imp_27"),
    "copy_reg": ("copyreg", None),
    "xmlrpclib": ("xmlrpc.client", "xmlrpclib_27"),
    "SimpleXMLRPCServer": ("xmlrpc.server", None),
    "DocXMLRPCServer": ("xmlrpc.server", None),
    "BaseHTTPServer": ("http.server", "httpserver_27"),
    "SimpleHTTPServer": ("http.server", "httpserver_27"),
    "CGIHTTPServer": ("http.server", "httpserver_27"),
    "SocketServer": ("socketserver", "socketserver_27"),
    "robotparser": ("urllib.robotparser", None),
    "anydbm": ("dbm", "dbm_27"),
    "dumbdbm": ("dbm.dumb", "dumbdbm_27"),
    "whichdb": ("dbm", None),
    "gdbm": ("dbm.gnu", "gdbm_27"),
    "repr": ("reprlib", "repr_27"),
    "future_builtins": (None, "future_builtins_27"),
    "strop": ("string", "string_27"),
    "posixfile": (None, "exceptions_27"),
    "xml.etree.ElementTree": ("xml.etree.ElementTree", "elementtree_27"),
    "xml.etree.cElementTree": ("xml.etree.ElementTree", "elementtree_27"),
    "xml.dom.minidom": ("xml.dom.minidom", "minidom_27"),
    "xml.sax": ("xml.sax", "sax_27"),
    "yaml": ("yaml", "yaml_27"),
    "email": ("email", "email_27"),
    "email.Utils": ("email.utils", None),
    "email.Header": ("email.header", "email_header_27"),
    "email.header": ("email.header", "email_header_27"),
    "email.Charset": ("email.charset", None),
    "email.Encoders": ("email.encoders", None),
    "email.Errors": ("email.errors", None),
    "email.Generator": ("email.generator", None),
    "email.Iterators": ("email.iterators", None),
    "email.Message": ("email.message", None),
    "email.Parser": ("email.parser", None),
    "email.MIMEAudio": ("email.mime.audio", None),
    "email.MIMEBase": ("email.mime.base", None),
    "email.MIMEImage": ("email.mime.image", None),
    "email.MIMEMessage": ("email.mime.message", None),
    "email.MIMEMultipart": ("email.mime.multipart", None),
    "email.MIMENonMultipart": ("email.mime.nonmultipart", None),
    "email.MIMEText": ("email.mime.text", None),
    "email.base64MIME": ("email.base64mime", "email_base64_27"),
    "email.quopriMIME": ("email.quoprimime", None),
    **{name: (name, f"{name.replace('.', '_')}_27") for name in SAME},
}

BUILT_IN: Final = frozenset(
    {"sys", "__builtin__", "__main__", "exceptions", "imp", "marshal", "thread"}
    | {"time", "os", "gc", "errno", "signal", "posix", "zipimport"}
)
"""Modules that no file of an app ever replaced."""

COMPILED: Final = frozenset(
    {"io", "binascii", "zlib", "struct", "cStringIO", "math", "time", "itertools"}
    | {"operator", "marshal", "md5", "sha", "hashlib", "cPickle", "strop"}
)
"""Modules whose functions were C's: no methods, when a class has them."""

ALWAYS_OURS: Final = frozenset({"simplejson"})
"""Libraries whose copies in apps use the inside of Python 2's `re`."""

ALWAYS_INSTALLED: Final = frozenset({"google"})
"""Namespaces that an app's folder must not hide: App Engine's own."""

REPLACED: Final[dict[str, tuple[str, bool]]] = {
    # name: (a file that the library has, whether copies in other folders give way too)
    "ndb": ("tasklets.py", False),
    "webapp2": ("", False),
    "webob": ("exc.py", False),
    "webtest": ("app.py", True),
}
"""Libraries whose copies at the root of an app give way to what is installed.

They are the copies of a day whose server and WebOb are gone. A copy in a folder that
the app itself puts on sys.path is its own choice, but for WebTest, whose old copies
fail on the bytes of today's WebOb.
"""

MOVED: Final = {"ndb": "google.appengine.ext.ndb"}
"""Replaced libraries that have another name where they are installed."""

RENAMED: Final = frozenset(
    {"builtins", "configparser", "copyreg", "html", "http", "queue", "reprlib"}
    | {"socketserver", "tkinter", "winreg", "xmlrpc", "_thread", "_dummy_thread"}
    | {"_markupbase"}
)
"""What only Python 3 has: code that tries it first means Python 3 by it."""

DISTRIBUTIONS: Final = {
    "sgmllib": "sgmllib3k",
    **{
        name: f"standard-{name}"
        for name in (
            *("aifc", "asynchat", "asyncore", "audioop", "chunk", "crypt", "imghdr"),
            *("mailcap", "nntplib", "pipes", "smtpd", "sndhdr", "sunau", "telnetlib"),
            *("uu", "xdrlib"),
        )
    },
    "cgi": "legacy-cgi",
    "cgitb": "legacy-cgi",
    "distutils": "setuptools",
}
"""Modules that Python 3 dropped, and the packages of PyPI that have them."""

VERSION: Final = (2, 7, 18)

REFUSED: Final = {
    "bsddb": "Berkeley DB went from Python 3; use anydbm or sqlite3",
    "compiler": "it compiled Python 2 syntax; use ast",
    "dl": "use ctypes",
    "hotshot": "use cProfile",
    "parser": "Python 3.10 dropped it; use ast",
    "Tkinter": "an app on a server has no windows",
    "Carbon": "it was for Mac OS 9",
}
"""Modules that nothing stands for, and what to use instead."""


def no_module(name: str, real_name: str = "") -> ModuleNotFoundError:
    """Return the error for a module that is not there, in 2.7's words and ours."""
    sentence = f"No module named {name.rpartition('.')[2]}"
    package = DISTRIBUTIONS.get(real_name or name)
    if package is not None:
        version = ".".join(map(str, sys.version_info[:2]))
        sentence += f": Python {version} has it no more; pip install {package}"
    elif name in REFUSED:
        sentence += f": {REFUSED[name]}"
    return ModuleNotFoundError(sentence, name=name)
