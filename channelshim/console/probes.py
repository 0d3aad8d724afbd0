"""Probes at the console's port: how the server is in detail, and its numbers.

Apart from the pages: a probe loads none of them.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from channelshim.appyaml.queues import QueueConfig
from channelshim.console.checks import Checks
from channelshim.contracts.clock import Clock
from channelshim.contracts.overview import Overview
from channelshim.contracts.status import PATH_HEALTH, Status
from channelshim.contracts.store import Store
from channelshim.version import __version__

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_TEXT: Final = "text/plain; charset=utf-8"

_ALWAYS: Final = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
)

_NO_CLIENT: Final = (
    "The metrics need prometheus-client: pip install 'channelshim[metrics]', and start "
    "the server again."
)

_BEARER: Final = "bearer"

_ASKS: Final = (("WWW-Authenticate", "Bearer"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSources:
    """What probes read. Any thread but the loop's.

    Attributes:
        application_id: of the app.
        started_at: Unix seconds.
        clock: the time.
        status: checks and numbers of every room.
        overview: the channels.
        store: what outlives the process.
        queues: of the app.
    """

    application_id: str
    started_at: float
    clock: Clock
    status: Status
    overview: Overview
    store: Store
    queues: QueueConfig


@dataclass(frozen=True, slots=True)
class _Reply:
    status: HTTPStatus
    content_type: str
    body: bytes
    headers: Sequence[tuple[str, str]] = ()


class Probes:
    """Answers PATH_HEALTH and PATH_METRICS, as a WSGI application.

    Args:
        sources: what is shown.
        checks: who may see it: as the console.
        token: whoever sends it as `Authorization: Bearer` may see it too, from
            anywhere and by any name; "" for nobody.
    """

    def __init__(self, sources: ProbeSources, checks: Checks, token: str) -> None:
        self._sources = sources
        self._checks = checks
        self._token = token.encode("utf-8")

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request."""
        reply = self._refusal(environ)
        if reply is None and environ.get("PATH_INFO") == PATH_HEALTH:
            reply = self._health()
        elif reply is None:
            reply = self._metrics(str(environ.get("HTTP_ACCEPT", "")))
        headers = [
            ("Content-Type", reply.content_type),
            ("Content-Length", str(len(reply.body))),
            *reply.headers,
            *_ALWAYS,
        ]
        start_response(f"{reply.status.value} {reply.status.phrase}", headers)
        return [b"" if environ.get("REQUEST_METHOD") == "HEAD" else reply.body]

    def _refusal(self, environ: WSGIEnvironment) -> _Reply | None:
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            sentence, allow = "Only GET is answered here.", (("Allow", "GET, HEAD"),)
            return _text(HTTPStatus.METHOD_NOT_ALLOWED, sentence, allow)
        scheme, _, sent = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
        if self._token and scheme.lower() == _BEARER:
            if hmac.compare_digest(sent.strip().encode("latin-1"), self._token):
                return None
            sentence = "The token is not that of --metrics_token_file."
            return _text(HTTPStatus.UNAUTHORIZED, sentence, _ASKS)
        refusal = self._checks.refusal(environ)
        if refusal is None:
            return None
        # Nothing is said of a token where there is none to send.
        asks = _ASKS if self._token else ()
        return _text(refusal.status, refusal.sentence, asks)

    def _health(self) -> _Reply:
        sources = self._sources
        findings = sources.status.findings()
        vital, problems = findings.vital, findings.problems
        facts = {
            "status": "failing" if vital else "degraded" if problems else "ok",
            "problems": dict(problems),
            "failing": sorted(vital),
            "application": sources.application_id,
            "version": __version__,
            "uptime_seconds": round(sources.clock.time() - sources.started_at, 3),
        }
        status = HTTPStatus.SERVICE_UNAVAILABLE if vital else HTTPStatus.OK
        body = json.dumps(facts, indent=2).encode("ascii") + b"\n"
        return _Reply(status, "application/json", body)

    def _metrics(self, accept: str) -> _Reply:
        try:
            from channelshim.console import metrics
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "prometheus_client":
                raise
            return _text(HTTPStatus.NOT_IMPLEMENTED, _NO_CLIENT)
        content_type, body = metrics.exposition(self._sources, accept)
        return _Reply(HTTPStatus.OK, content_type, body)


def _text(
    status: HTTPStatus, sentence: str, headers: Sequence[tuple[str, str]] = ()
) -> _Reply:
    return _Reply(status, _TEXT, f"{sentence}\n".encode(), headers)
