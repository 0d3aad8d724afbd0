"""google.appengine.ext.appstats.recording: middleware that records nothing.

The recipe of its documentation stands in a tenth of all appengine_config.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from google.appengine.api import lib_config

from channelshim.compat.refused_modules import refusing_name

T = TypeVar("T")

_NAME = "google.appengine.ext.appstats.recording"


def _empty(*_: Any, **__: Any) -> Any:
    return None


config: Any = lib_config.register("appstats", {})
"""The handle of appengine_config's appstats_ names; none of them has an effect."""


class AppstatsDjangoMiddleware:
    """Django's middleware, of both styles, that leaves everything as it is."""

    def __init__(self, get_response: Callable[[Any], Any] | None = None) -> None:
        self._get_response = get_response

    def __call__(self, request: Any) -> Any:
        """Return the answer as it is."""
        assert self._get_response is not None
        return self._get_response(request)

    def process_request(self, request: Any) -> None:
        """Do nothing."""

    def process_response(self, request: Any, response: T) -> T:
        """Return the answer as it is."""
        return response


AppStatsDjangoMiddleware = AppstatsDjangoMiddleware


def appstats_wsgi_middleware(app: T) -> T:
    """Return the application as it is."""
    return app


def start_recording(env: Any = None) -> None:
    """Do nothing."""


def end_recording(status: Any, firepython_set_extension_data: Any = None) -> None:
    """Do nothing."""


def pre_call_hook(*_: Any) -> None:
    """Do nothing."""


def post_call_hook(*_: Any) -> None:
    """Do nothing."""


def dont_record() -> None:
    """Do nothing."""


def load_summary_protos() -> list[Any]:
    """Return the records: there are none."""
    return []


def load_full_proto(timestamp: Any) -> None:
    """Return one record: there is none."""


class _Recorders:
    """What the hooks asked for the recorder of this request."""

    clear_for_current_request = set_for_current_request = staticmethod(_empty)
    get_for_current_request = has_recorder_for_current_request = staticmethod(_empty)


recorder_proxy = recorder = _Recorders()


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return refusing_name(f"{_NAME}.{name}", "nothing is recorded")
