"""Requests and answers of WebOb whose bodies and headers are 2.7's str.

webapp2 builds on WebOb; so do suites, which read an answer's body. Each function takes
the freshly imported module.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from types import GeneratorType
from typing import Any, Final

from channelshim.compat.legacy_str import LegacyStr, as_bytes, legacy_str

NATIVE_KEY: Final = "channelshim.native_strings"
"""In an environ whose texts a program of Python 2.7 reads; WebOb wants PEP 3333's."""


def patch_request(module: Any) -> None:
    """Give requests a body that is text, and that can be set to text."""
    kind = module.BaseRequest
    _mend_environ(kind)
    plain = kind.body

    def body(request: Any) -> LegacyStr:
        return legacy_str(plain.fget(request))

    def set_body(request: Any, value: Any) -> None:
        plain.fset(request, _plain_bytes(value))

    kind.body = property(body, set_body, plain.fdel, plain.__doc__)
    _mend_charset(kind)


def _mend_environ(kind: Any) -> None:
    """Have a request read the environ of an app's own middleware.

    Once it is read by WebOb, it stays in Latin-1 for all that are called next.
    """
    plain = kind.__init__

    @functools.wraps(plain)
    def init(request: Any, environ: Any, *arguments: Any, **named: Any) -> None:
        if type(environ) is dict and environ.pop(NATIVE_KEY, False):
            in_latin_1(environ)
        plain(request, environ, *arguments, **named)

    kind.__init__ = init


def in_latin_1(environ: dict[str, Any]) -> None:
    """Change native strings of 2.7 back into PEP 3333's, in place."""
    for key, value in environ.items():
        if type(value) is str and not value.isascii():
            environ[key] = as_bytes(value).decode("latin-1")


_DECODED = "channelshim.decoded_request"


def _mend_charset(kind: Any) -> None:
    """Let a request's charset be set, and read its forms in it.

    WebOb of today refuses every charset but UTF-8, and says that one should decode the
    request: so that is done here. The body stays as it came.
    """
    plain_charset, plain_get, plain_post = kind.charset, kind.GET, kind.POST

    def set_charset(request: Any, charset: Any) -> None:
        before, _, _ = request.environ.get("CONTENT_TYPE", "").partition(";")
        request.environ["CONTENT_TYPE"] = f'{before}; charset="{charset}"'
        request._charset = None

    def decoded(request: Any) -> Any:
        if ";" not in request.environ.get("CONTENT_TYPE", ""):
            # As most are, and webapp2 asks for each argument.
            return request
        if request.charset == "UTF-8":
            return request
        request.make_body_seekable()
        request.body_file_raw.seek(0)
        key = request.charset, request.query_string, request.body_file_raw
        known = request.environ.get(_DECODED)
        if known is None or known[0] != key:
            known = request.environ[_DECODED] = key, request.decode()
            request.body_file_raw.seek(0)
        return known[1]

    def get(request: Any) -> Any:
        return plain_get.fget(decoded(request))

    def post(request: Any) -> Any:
        return plain_post.fget(decoded(request))

    kind.charset = property(
        plain_charset.fget, set_charset, None, plain_charset.__doc__
    )
    kind.GET = property(get, plain_get.fset, plain_get.fdel, plain_get.__doc__)
    kind.POST = property(post, plain_post.fset, plain_post.fdel, plain_post.__doc__)


def patch_response(module: Any) -> None:
    """Give answers a body that is text, and that can be set to text."""
    kind = module.Response
    plain_body, plain_pieces = kind.body, kind.app_iter

    def body(response: Any) -> LegacyStr:
        return legacy_str(plain_body.fget(response))

    def set_body(response: Any, value: Any = b"") -> None:
        plain_body.fset(response, _encoded(response, value))

    def set_pieces(response: Any, value: Any) -> None:
        kind = type(value)
        if kind is list or kind is tuple:
            value = [_encoded(response, piece) for piece in value]
        elif kind is GeneratorType:
            value = _encode_pieces(response, value)
        plain_pieces.fset(response, value)

    kind.body = property(body, set_body, set_body, plain_body.__doc__)
    kind.app_iter = property(
        plain_pieces.fget, set_pieces, plain_pieces.fdel, plain_pieces.__doc__
    )


def patch_headers(module: Any) -> None:
    """Take bytes for a header, which go out as they are."""
    kind = module.ResponseHeaders
    for name in ("__setitem__", "add"):
        setattr(kind, name, _taking_headers(getattr(kind, name)))
    plain = kind.setdefault

    @functools.wraps(plain)
    def setdefault(self: Any, key: Any, default: Any = None) -> Any:
        return plain(self, _header_text(key), _header_text(default))

    kind.setdefault = setdefault


def _taking_headers(plain: Any) -> Any:
    @functools.wraps(plain)
    def wrapper(self: Any, key: Any, value: Any) -> Any:
        return plain(self, _header_text(key), _header_text(value))

    return wrapper


def _header_text(value: Any) -> Any:
    """Return bytes in the Latin-1 that PEP 3333 wants; all else as it is."""
    return value.decode("latin-1") if isinstance(value, LegacyStr) else value


def _plain_bytes(value: Any) -> Any:
    return bytes(value) if isinstance(value, LegacyStr) else as_bytes(value)


def _encoded(response: Any, value: Any) -> Any:
    """Return a piece of an answer as bytes, by the answer's charset if it is text."""
    if isinstance(value, str):
        try:
            return value.encode(response.charset or "utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return as_bytes(value)
    return bytes(value) if isinstance(value, LegacyStr) else value


def _encode_pieces(response: Any, pieces: Any) -> Iterator[Any]:
    try:
        for piece in pieces:
            yield _encoded(response, piece)
    finally:
        pieces.close()
