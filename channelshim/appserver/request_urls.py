"""The URL that a request was made to, and where it may be sent on to."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

# webapp2 asks when it is first imported; see compat.installer.
os.environ.setdefault("APPENGINE_RUNTIME", "python27")

import webapp2

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def request_url(environ: WSGIEnvironment) -> str:
    """Return the request's own URL, quoted, with its query."""
    url: str = webapp2.Request(environ).url
    return url


def absolute_url(environ: WSGIEnvironment, path: str) -> str:
    """Return the URL of a path of the host that the request names."""
    host_url: str = webapp2.Request(environ).host_url
    return host_url + path


def safe_destination(text: str, host: str) -> str:
    """Return where `continue` leads, or "/" when that is not this server.

    Args:
        text: from outside.
        host: the request's Host.
    """
    text = text.strip()
    if not text or re.search(r"[\x00-\x20\x7f\\]", text) or text.startswith("//"):
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    is_own_url = parts.scheme in ("http", "https") and parts.netloc == host
    is_path = not parts.scheme and not parts.netloc and text.startswith("/")
    if not (is_own_url or is_path):
        return "/"
    return quote(text, safe="!#$%&'()*+,/:;=?@[]~")


def is_from_another_site(environ: WSGIEnvironment) -> bool:
    """Return whether a page of another origin has the browser ask.

    Browsers say so themselves, except to addresses that they do not trust (plain http
    beyond this machine): there the page's own address counts, where it is sent. What is
    no browser says nothing, and neither does whoever types the address.
    """
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        # Another port of this machine is the same site, and another server all the
        # same.
        return site not in ("same-origin", "none")
    page = environ.get("HTTP_ORIGIN") or environ.get("HTTP_REFERER", "")
    if not page:
        return False
    try:
        return (
            urlsplit(page).netloc.lower() != str(environ.get("HTTP_HOST", "")).lower()
        )
    except ValueError:
        return True
