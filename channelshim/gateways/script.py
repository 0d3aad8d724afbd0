"""The JavaScript client, served as /_ah/channel/jsapi."""

from __future__ import annotations

import functools
from importlib import resources

from channelshim.gateways.polling import Reply


@functools.cache
def jsapi() -> Reply:
    """Return the answer to GET /_ah/channel/jsapi (contract 3.1)."""
    script = resources.files("channelshim").joinpath("browser").joinpath("channel.js")
    headers = (
        ("Content-Type", "text/javascript; charset=utf-8"),
        ("Cache-Control", "no-cache"),
        ("X-Content-Type-Options", "nosniff"),
    )
    return Reply(200, headers, script.read_bytes())
