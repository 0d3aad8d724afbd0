"""urllib: quoting, and opening addresses."""

from __future__ import annotations

import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any, Final
from urllib.error import ContentTooShortError as ContentTooShortError
from urllib.request import getproxies as getproxies
from urllib.request import getproxies_environment as getproxies_environment
from urllib.request import pathname2url
from urllib.request import proxy_bypass as proxy_bypass
from urllib.request import url2pathname as url2pathname

from channelshim.python27.helpers.text import str27
from channelshim.python27.stdlib import urllib2_27
from channelshim.python27.stdlib.urlparse_27 import unquote, urljoin
from channelshim.python27.strings import STRINGS, to_bytes, to_text

__all__ = [
    *("always_safe", "quote", "quote_plus", "unquote", "unquote_plus", "urlencode"),
    *("urlopen", "urlretrieve", "urlcleanup", "URLopener", "FancyURLopener"),
    *("ContentTooShortError", "pathname2url", "url2pathname", "getproxies"),
    *("proxy_bypass", "getproxies_environment", "basejoin", "unwrap", "splittype"),
    *("splithost", "splituser", "splitpasswd", "splitport", "splitnport"),
    *(
        "splitquery",
        "splittag",
        "splitattr",
        "splitvalue",
        "localhost",
        "thishost",
        "toBytes",
        "proxy_bypass_environment",
    ),
]

always_safe: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
basejoin: Callable[..., Any] = urljoin
proxy_bypass_environment: Callable[..., Any] = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined]


def _quoted(s: Any, safe: Any) -> str:
    if not isinstance(s, STRINGS):
        if s is None:
            raise TypeError("None object cannot be quoted")
        raise TypeError(f"argument of type '{type(s).__name__}' is not a string")
    kept = frozenset(to_bytes(always_safe) + to_bytes(safe))
    return "".join(
        chr(byte) if byte in kept else f"%{byte:02X}" for byte in to_bytes(s)
    )


def quote(s: Any, safe: Any = "/") -> str:
    """Write a string's bytes with %xx, `~` too."""
    return _quoted(s, safe) if s or s is None or not isinstance(s, STRINGS) else s  # type: ignore[return-value]


def quote_plus(s: Any, safe: Any = "") -> str:
    """Do as `quote`, with + for a space."""
    if isinstance(s, STRINGS) and " " in s:
        return quote(s, to_text(safe) + " ").replace(" ", "+")
    return quote(s, safe)


def unquote_plus(s: Any) -> Any:
    """Undo `quote_plus`."""
    return unquote(s.replace("+", " "))


def urlencode(query: Any, doseq: Any = 0) -> str:
    """Write pairs, or a mapping, as a query."""
    if hasattr(query, "items"):
        query = list(query.items())
    else:
        try:
            if len(query) and not isinstance(query[0], tuple):
                raise TypeError
        except TypeError:
            raise TypeError(
                "not a valid non-string sequence or mapping object"
            ) from None
    pairs = []
    for name, value in query:
        name = quote_plus(str27(name))
        if doseq and not isinstance(value, STRINGS) and hasattr(value, "__len__"):
            pairs += [f"{name}={quote_plus(str27(item))}" for item in value]
        else:
            pairs.append(f"{name}={quote_plus(str27(value))}")
    return "&".join(pairs)


# --- parts of an address: Python 3 has these still, under a private door


_Part = Callable[..., Any]


def _part(name: str) -> _Part:
    function = getattr(urllib.parse, f"_{name}")

    def part(url: Any, *args: Any) -> Any:
        return function(to_text(url), *args)

    part.__name__ = name
    return part


splittype: _Part = _part("splittype")
splithost: _Part = _part("splithost")
splituser: _Part = _part("splituser")
splitpasswd: _Part = _part("splitpasswd")
splitport: _Part = _part("splitport")
splitnport: _Part = _part("splitnport")
splitquery: _Part = _part("splitquery")
splittag: _Part = _part("splittag")
splitattr: _Part = _part("splitattr")
splitvalue: _Part = _part("splitvalue")


def unwrap(url: Any) -> str:
    """Take `<URL:…>` off an address."""
    return str(urllib.parse.unwrap(to_text(url).strip()))


def toBytes(url: Any) -> str:
    """Return an address as a string of ASCII."""
    text = to_text(url)
    if not text.isascii():
        raise UnicodeError(f"URL {url!r} contains non-ASCII characters")
    return text


def localhost() -> str:
    """Return this machine's address."""
    return urllib.request.localhost()  # type: ignore[attr-defined, no-any-return]


def thishost() -> Any:
    """Return this machine's addresses."""
    return urllib.request.thishost()  # type: ignore[attr-defined]


# --- opening


def urlopen(
    url: Any, data: Any = None, proxies: Any = None, context: Any = None
) -> Any:
    """Open an address; an error page is an answer as any other."""
    if isinstance(url, STRINGS) and ":" not in url:
        url = "file:" + pathname2url(to_text(url))
    handlers = [] if proxies is None else [urllib2_27.ProxyHandler(proxies)]
    if context is not None:
        handlers.append(urllib2_27.HTTPSHandler(context=context))  # type: ignore[arg-type]
    opener = urllib2_27.build_opener(*handlers)
    try:
        return opener.open(to_text(url), data)
    except urllib2_27.HTTPError as error:
        return error
    except urllib2_27.URLError as error:
        reason = error.reason
        raise OSError("socket error", reason) from error


def urlretrieve(
    url: Any, filename: Any = None, reporthook: Any = None, data: Any = None
) -> Any:
    """Save what an address has in a file."""
    return urllib.request.urlretrieve(
        to_text(url), filename, reporthook, None if data is None else to_bytes(data)
    )


def urlcleanup() -> None:
    """Remove the temporary files of `urlretrieve`."""
    urllib.request.urlcleanup()


class URLopener:
    """Opens addresses, with headers of its own."""

    version = "Python-urllib/1.17"

    def __init__(self, proxies: Any = None, context: Any = None, **x509: Any) -> None:
        self.proxies = proxies
        self.addheaders: list[tuple[Any, Any]] = [("User-Agent", self.version)]
        self._opener = urllib2_27.build_opener(
            *([] if proxies is None else [urllib2_27.ProxyHandler(proxies)])
        )

    def addheader(self, *args: Any) -> None:
        """Send one more header with each request."""
        self.addheaders.append((args[0], args[1]))

    def open(self, fullurl: Any, data: Any = None) -> Any:
        """Open an address."""
        self._opener.addheaders = list(self.addheaders)
        try:
            return self._opener.open(unwrap(fullurl), data)
        except urllib2_27.HTTPError as error:
            return self.http_error_default(
                fullurl, error, error.code, error.msg, error.headers
            )

    def http_error_default(
        self, url: Any, fp: Any, errcode: Any, errmsg: Any, headers: Any
    ) -> Any:
        """Refuse an error page."""
        raise OSError("http error", errcode, errmsg, headers)

    def retrieve(
        self, url: Any, filename: Any = None, reporthook: Any = None, data: Any = None
    ) -> Any:
        """Save what an address has in a file."""
        return urlretrieve(url, filename, reporthook, data)

    def close(self) -> None:
        """Close the opener."""


class FancyURLopener(URLopener):
    """Opens addresses; an error page is an answer as any other."""

    def http_error_default(
        self, url: Any, fp: Any, errcode: Any, errmsg: Any, headers: Any
    ) -> Any:
        """Return the error page."""
        return fp

    def prompt_user_passwd(self, host: Any, realm: Any) -> tuple[str, str]:
        """Ask nobody."""
        return "", ""
