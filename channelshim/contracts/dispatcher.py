"""The dispatcher: requests that the platform makes to the app."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class InternalRequest:
    """A request that the platform makes to the app: presence, task, cron, warmup.

    Attributes:
        method: "POST" for presence.
        path: with its query string, if any.
        body: bytes; Content-Length is set from it.
        content_type: "" for none.
        remote_address: limits.PRESENCE_REMOTE_ADDRESS and the like.
        headers: further (name, value) pairs, X-AppEngine-* allowed here alone.
        target: the module that it is for, as a name, "VERSION.MODULE" or a host; "" for
            the one that dispatch.yaml says.
    """

    method: str
    path: str
    body: bytes = b""
    content_type: str = ""
    remote_address: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=())
    target: str = ""


@dataclass(frozen=True, slots=True)
class InternalResponse:
    """What the app answered.

    Attributes:
        status: the HTTP status as a number; 500 when the handler raised.
        headers: (name, value) pairs.
        body: the whole body.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Dispatcher(Protocol):
    """Makes internal requests to the app, as administrator and without a user.

    Blocking; any thread but the loop's. Never raises: a handler that raises is
    logged and answers 500.
    """

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        """Run the request through app.yaml's handlers and return the answer."""
