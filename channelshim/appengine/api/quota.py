"""google.appengine.api.quota: importable; nothing is counted here."""

from __future__ import annotations

MCYCLES_PER_SECOND = 1200.0


def get_request_cpu_usage() -> int:
    """Return the megacycles that this request has used: 0, as in the old server."""
    return 0


def get_request_api_cpu_usage() -> int:
    """Return the megacycles that services used for this request: 0."""
    return 0


def megacycles_to_cpu_seconds(megacycles: float) -> float:
    """Return the seconds of a 1.2 GHz processor for so many megacycles."""
    return megacycles / MCYCLES_PER_SECOND


def cpu_seconds_to_megacycles(seconds: float) -> int:
    """Return the megacycles of so many seconds of a 1.2 GHz processor."""
    return int(seconds * MCYCLES_PER_SECOND)
