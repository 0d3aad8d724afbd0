"""Third-party modules patched so that code of 2012 to 2017 imports and reads them.

Each function takes the freshly imported module.
"""

from __future__ import annotations

import html
import os
from collections.abc import MutableMapping
from types import ModuleType
from typing import Any

from channelshim.compat.legacy_str import LegacyStr

_QUOTED_PATH_KEY = "channelshim.quoted_path"


def patch_webapp2(webapp2: Any) -> None:
    """Have webapp2 match odd paths, and write bytes as they are."""

    def url_encoding(request: Any) -> str:
        # Python 2.7 matched the bytes; here a path that is not UTF-8 raised.
        environ = request.environ
        path: str = environ.get("PATH_INFO", "")
        if not path.isascii():
            try:
                path.encode("latin-1").decode()
            except UnicodeError:
                return "latin-1"
        encoding: str = environ.get("webob.url_encoding", "UTF-8")
        return encoding

    webapp2.Request.url_encoding = property(url_encoding)

    plain_path = webapp2.Request.path

    def path(request: Any) -> str:
        # Each route asks for it until one matches, and it is quoted again for each.
        environ = request.environ
        parts = environ.get("SCRIPT_NAME"), environ.get("PATH_INFO")
        known = environ.get(_QUOTED_PATH_KEY)
        if known is None or known[0] != parts:
            known = environ[_QUOTED_PATH_KEY] = parts, plain_path.fget(request)
        quoted: str = known[1]
        return quoted

    webapp2.Request.path = property(path)

    plain_write = webapp2.Response.write

    def write_bytes(response: Any, raw: bytes) -> None:
        response.app_iter.append(raw) if isinstance(
            response.app_iter, list
        ) else response.body_file.write(raw)
        response.content_length = None

    def write(response: Any, text: object) -> None:
        # webapp2 decodes bytes as UTF-8, which no PNG survives.
        if isinstance(text, bytes) and not isinstance(text, LegacyStr):
            write_bytes(response, text)
            return
        try:
            plain_write(response, str(text) if isinstance(text, LegacyStr) else text)
        except UnicodeEncodeError:
            # Bytes that were read as text, a binary body for example: as they came.
            charset = response.charset or "utf-8"
            write_bytes(response, str(text).encode(charset, "surrogateescape"))

    webapp2.Response.write = write


def patch_jinja2(extensions: Any) -> None:
    """Put back the extensions that Jinja 3.1 dropped for being built in."""
    for name in ("autoescape", "with_"):
        if not hasattr(extensions, name):
            extension = type(name, (extensions.Extension,), {"tags": set()})
            setattr(extensions, name, extension)


def patch_cgi(cgi: ModuleType) -> None:
    """Put back cgi.escape, which Python 3.8 dropped."""
    if not hasattr(cgi, "escape"):

        def escape(s: str, quote: bool = False) -> str:
            return html.escape(s, quote=quote)

        cgi.escape = escape  # type: ignore[attr-defined]


def patch_cgi_forms(cgi: Any) -> None:
    """Have forms ask the request's os.environ.

    The one that cgi found when it was imported is a default of its functions, and may
    be of a time before there were requests.
    """
    for function in (cgi.FieldStorage.__init__, cgi.parse, cgi.print_environ):
        function.__defaults__ = tuple(
            os.environ if isinstance(default, MutableMapping) else default
            for default in function.__defaults__
        )
