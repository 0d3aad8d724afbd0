"""Where our own server listens, and what that address allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from channelshim.appserver.exposure import Exposure
from channelshim.composition import rules
from channelshim.composition.plan import Plan
from channelshim.composition.policy import Bound

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def address_of(plan: Plan, listener: Bound) -> str:
    """Return host and port for an address of ours."""
    host = plan.settings.host
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{listener.getsockname()[1]}"


def exposure_of(plan: Plan, listener: Bound, own: Bound | None = None) -> Exposure:
    """Return what the door of our own server enforces.

    Args:
        plan: of the app.
        listener: the first one, whose address decides.
        own: where a further module listens; None for the first one.
    """
    return rules.exposure_of(
        plan,
        rules.door_of(listener),
        host=address_of(plan, own or listener),
        server_name=plan.settings.host,
    )


class Served(Protocol):
    """What answers for the app: one AppServer, or several modules."""

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request from outside."""

    def host_refusal(self, host: str, peer: str) -> str:
        """See AppServer.host_refusal."""

    def loaded_files(self) -> Iterator[str]:
        """See AppServer.loaded_files."""

    def is_for_a_file(self, environ: Mapping[str, Any]) -> bool:
        """See AppServer.is_for_a_file."""
