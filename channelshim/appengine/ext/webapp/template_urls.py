"""`{% url HandlerName argument %}`, which led to a handler of the running webapp."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import webapp2

from channelshim.appengine.ext.webapp.template_html import text_of

_GROUP: Final = re.compile(r"\((?!\?)[^()]*\)")


def url_of(name: str, values: Sequence[Any]) -> str:
    """Return the URL of a handler's class, or "" when no route of it takes the values.

    Args:
        name: the class's name.
        values: one for each group of the route's pattern.
    """
    try:
        app = webapp2.get_app()
    except AssertionError:  # Outside of requests.
        return ""
    for route in app.router.match_routes:
        handler = getattr(route, "handler", None)
        if getattr(handler, "__name__", handler) != name:
            continue
        url = _filled(str(route.template), [text_of(value) for value in values])
        if url is not None:
            return url
    return ""


def _filled(pattern: str, texts: Sequence[str]) -> str | None:
    """Return a pattern with a text for each group; None when it does not match."""
    if len(_GROUP.findall(pattern)) != len(texts):
        return None
    pieces = _GROUP.split(pattern.strip("^$"))
    url = pieces[0]
    for text, piece in zip(texts, pieces[1:], strict=True):
        url += text + piece
    url = re.sub(r"\\(.)", r"\1", url)
    return url if re.fullmatch(pattern, url) else None
