"""What is used of uvicorn and websockets beyond what their documentation names.

Every such name stands here, with the version in which it was seen to mean what is
relied on. One that is gone would fail late, and one that is no longer called would fail
in silence: so `check_names` asks at the start, and tests compare what is replaced with
what uvicorn does itself.
"""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import Final

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from channelshim.errors import ConfigurationError

__all__ = [
    "HEADER_RE",
    "HEADER_VALUE_RE",
    "HIGH_WATER_LIMIT",
    "SEEN",
    "STATUS_LINE",
    "ATTRIBUTES",
    "FlowControl",
    "HttpToolsProtocol",
    "RequestResponseCycle",
    "check_names",
]

_HTTP = "uvicorn.protocols.http.httptools_impl"
_FLOW = "uvicorn.protocols.http.flow_control"

SEEN: Final[dict[tuple[str, str], str]] = {
    # Replaced: uvicorn calls ours instead.
    (_HTTP, "HttpToolsProtocol._should_upgrade"): "0.54.0",
    (_HTTP, "HttpToolsProtocol._start_asgi_task"): "0.54.0",
    (_HTTP, "HttpToolsProtocol.on_response_complete"): "0.54.0",
    # Called or read.
    (_HTTP, "HttpToolsProtocol.on_body"): "0.54.0",
    (_HTTP, "HttpToolsProtocol.on_header"): "0.54.0",
    (_HTTP, "HttpToolsProtocol.on_headers_complete"): "0.54.0",
    (_HTTP, "HttpToolsProtocol.on_message_begin"): "0.54.0",
    (_HTTP, "HttpToolsProtocol.on_message_complete"): "0.54.0",
    (_HTTP, "HttpToolsProtocol.on_url"): "0.54.0",
    (_HTTP, "RequestResponseCycle.receive"): "0.54.0",
    (_HTTP, "RequestResponseCycle.run_asgi"): "0.54.0",
    (_HTTP, "RequestResponseCycle.send"): "0.54.0",
    (_HTTP, "HEADER_RE"): "0.54.0",
    (_HTTP, "HEADER_VALUE_RE"): "0.54.0",
    (_HTTP, "STATUS_LINE"): "0.54.0",
    (_FLOW, "FlowControl.pause_reading"): "0.54.0",
    (_FLOW, "FlowControl.resume_reading"): "0.54.0",
    (_FLOW, "HIGH_WATER_LIMIT"): "0.54.0",
    ("uvicorn", "Config.get_loop_factory"): "0.54.0",
    ("uvicorn", "Config.load"): "0.54.0",
    ("uvicorn", "Server.on_tick"): "0.54.0",
    ("uvicorn", "Server.startup"): "0.54.0",
    # transports.incoming imports these.
    ("websockets.frames", "Frame.parse"): "17.4",
    ("websockets.frames", "Opcode"): "17.4",
    ("websockets.streams", "StreamReader.feed_data"): "17.4",
    ("websockets.streams", "StreamReader.read_exact"): "17.4",
}
"""(module, name) to the version in which it was last looked at."""

ATTRIBUTES: Final[dict[str, tuple[str, ...]]] = {
    "HttpToolsProtocol": (
        "connections",
        "cycle",
        "flow",
        "headers",
        "loop",
        "parser",
        "pipeline",
        "scope",
        "transport",
    ),
    "RequestResponseCycle": (
        "body",
        "default_headers",
        "disconnected",
        "flow",
        "keep_alive",
        "message_event",
        "more_body",
        "on_response",
        "response_complete",
        "response_started",
        "scope",
        "transport",
        "waiting_for_100_continue",
    ),
}
"""What their constructors set, and is read or set here; seen in 0.54.0."""


def check_names() -> None:
    """Refuse versions of uvicorn and websockets that lack what is used of them.

    Raises:
        ConfigurationError: a name is gone.
    """
    missing = [name for module, name in SEEN if not _has(module, name)]
    for owner in (HttpToolsProtocol, RequestResponseCycle):
        set_there = owner.__init__.__code__.co_names
        wanted = ATTRIBUTES[owner.__name__]
        missing += [f"{owner.__name__}.{n}" for n in wanted if n not in set_there]
    if missing:
        versions = [f"{n} {version(n)}" for n in ("uvicorn", "websockets")]
        raise ConfigurationError(
            f"{' and '.join(versions)} do not work with this channelshim (they lack "
            f"{', '.join(missing)}): run `pip install channelshim`, which installs "
            "those that do"
        )


def _has(module: str, name: str) -> bool:
    found: object = importlib.import_module(module)
    for part in name.split("."):
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True
