"""The JavaScript client, served as /_ah/channel/jsapi."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final

from channelshim.transports.polling import Reply

_HAS_SOCKETS = b"var SERVER_HAS_SOCKETS = true;"
_HAS_NO_SOCKETS = b"var SERVER_HAS_SOCKETS = false;"

_SCRIPT: Final = Path(__file__).parent.parent / "browser" / "channel.js"


@functools.cache
def jsapi(*, has_sockets: bool = True) -> Reply:
    """Return the answer to GET /_ah/channel/jsapi.

    Args:
        has_sockets: whether the server that answers has WebSockets. Pages that know
            there are none do not try, for browsers show each failure in the console.
    """
    # Not by importlib.resources, which imports zipfile: a megabyte.
    script = _SCRIPT.read_bytes()
    assert script.count(_HAS_SOCKETS) == 1
    if not has_sockets:
        script = script.replace(_HAS_SOCKETS, _HAS_NO_SOCKETS)
    headers = (
        ("Content-Type", "text/javascript; charset=utf-8"),
        ("Cache-Control", "no-cache"),
    )
    return Reply(200, headers, script)
