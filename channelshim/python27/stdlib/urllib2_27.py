"""urllib2: requests and openers; answers are strings of bytes."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

from channelshim.python27.stdlib import httplib_27
from channelshim.python27.stdlib.wrapping import bytes_of, raw_of, text_of
from channelshim.python27.strings import STRINGS, NativeStr, to_text

__all__ = [
    *("Request", "urlopen", "build_opener", "install_opener", "OpenerDirector"),
    *("HTTPError", "URLError", "ProxyHandler", "HTTPSHandler", "quote", "unquote"),
]

HTTPError = urllib.error.HTTPError
URLError = urllib.error.URLError
ProxyHandler = urllib.request.ProxyHandler
HTTPSHandler = urllib.request.HTTPSHandler


class Request(urllib.request.Request):
    """A request; its content may be text."""

    def __init__(
        self,
        url: Any,
        data: Any = None,
        headers: Any = None,
        origin_req_host: Any = None,
        unverifiable: Any = False,
    ) -> None:
        super().__init__(
            to_text(url),
            None,
            {text_of(key): text_of(item) for key, item in (headers or {}).items()},
            origin_req_host,
            bool(unverifiable),
        )
        self.data: Any = None
        self._given_data: Any = None
        self.add_data(data)

    def add_data(self, data: Any) -> None:
        """Set the content: the request is a POST then."""
        self._given_data = data
        # Bytes for the library, which read as text.
        self.data = raw_of(bytes_of(data))

    def has_data(self) -> bool:
        """Tell whether there is content."""
        return self.data is not None

    def get_data(self) -> Any:
        """Return the content, as it was given."""
        return self._given_data

    def get_type(self) -> Any:
        """Return the scheme."""
        return self.type

    def get_host(self) -> Any:
        """Return the host and port."""
        return self.host

    def get_selector(self) -> Any:
        """Return what is asked of the host."""
        return self.selector

    def get_origin_req_host(self) -> Any:
        """Return the host of the page that this request is for."""
        return self.origin_req_host

    def is_unverifiable(self) -> Any:
        """Tell whether nobody could approve of the request."""
        return self.unverifiable

    def add_header(self, key: Any, val: Any) -> None:
        """Add a header."""
        super().add_header(to_text(key), text_of(val))

    def add_unredirected_header(self, key: Any, val: Any) -> None:
        """Add a header that a redirection drops."""
        super().add_unredirected_header(to_text(key), text_of(val))


class OpenerDirector(urllib.request.OpenerDirector):
    """Opens requests through its handlers."""

    def open(self, fullurl: Any, data: Any = None, timeout: Any = None) -> Any:
        """Open an address or a request."""
        if isinstance(fullurl, STRINGS):
            fullurl = Request(fullurl, data)
        elif data is not None and hasattr(fullurl, "add_data"):
            fullurl.add_data(data)
        elif data is not None:
            fullurl.data = bytes_of(data)
        limit = {} if timeout is None else {"timeout": timeout}
        try:
            answer = super().open(fullurl, None, **limit)
        except HTTPError as error:
            raise mended(error) from None
        if answer is None or isinstance(answer, (httplib_27.Response, HTTPError)):
            return mended(answer) if isinstance(answer, HTTPError) else answer
        return httplib_27.Response(answer) if hasattr(answer, "read") else answer


def mended(error: Any) -> Any:
    """Have an error page's content read as a string."""
    plain = getattr(error, "fp", None)
    if plain is not None and hasattr(plain, "read"):
        error.read = lambda *size: NativeStr(plain.read(*size))
        error.readline = lambda *size: NativeStr(plain.readline(*size))
        httplib_27.message(getattr(error, "hdrs", None))
    return error


def build_opener(*handlers: Any) -> OpenerDirector:
    """Return an opener with the usual handlers and these."""
    plain = urllib.request.build_opener(*handlers)
    opener = OpenerDirector()
    opener.addheaders = [("User-agent", "Python-urllib/2.7")]
    for handler in plain.handlers:  # type: ignore[attr-defined]
        handler.parent = None
        opener.add_handler(handler)
    return opener


_opener: Any = None


def install_opener(opener: Any) -> None:
    """Have `urlopen` use an opener."""
    global _opener
    _opener = opener


def urlopen(
    url: Any,
    data: Any = None,
    timeout: Any = None,
    cafile: Any = None,
    capath: Any = None,
    cadefault: Any = False,
    context: Any = None,
) -> Any:
    """Open an address or a request."""
    global _opener
    if context is not None:
        return build_opener(HTTPSHandler(context=context)).open(url, data, timeout)
    if _opener is None:
        _opener = build_opener()
    return _opener.open(url, data, timeout)


def quote(s: Any, safe: Any = "/") -> str:
    """Do as `urllib.quote`."""
    from channelshim.python27.stdlib import urllib_27

    return urllib_27.quote(s, safe)


def unquote(s: Any) -> Any:
    """Do as `urllib.unquote`."""
    from channelshim.python27.stdlib import urlparse_27

    return urlparse_27.unquote(s)
