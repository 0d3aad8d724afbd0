"""The page that opens: the app, its handlers, its settings, and how it is doing."""

from __future__ import annotations

import platform
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from channelshim.appserver.libraries import libraries_to_install
from channelshim.appyaml.config import Handler
from channelshim.console.page import PageHandler
from channelshim.console.sources import Module, Setting
from channelshim.contracts.durations import quantile
from channelshim.contracts.status import Histogram, Status
from channelshim.version import __version__

_STATM: Final = Path("/proc/self/statm")

START_SECONDS: Final = 5.0
"""What is warned of by then belongs to the start."""

QUANTILES: Final = {"p50_seconds": 0.5, "p95_seconds": 0.95, "p99_seconds": 0.99}
"""Of the time to answer."""

LONGEST_PATH: Final = 2048
"""Of a URL that is tried."""


class OverviewPage(PageHandler):
    """What runs, what answers which path, and what holds."""

    template: ClassVar[str] = "overview.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        app = self.sources.app
        tried = self.text("try").strip()[:LONGEST_PATH]
        return {
            "app": {
                "application_id": app.application_id,
                "directory": str(app.directory),
                "url": app.url,
                "is_broken": app.is_broken,
                "is_python27": app.is_python27,
                "started_at": app.started_at,
                "store_directory": str(app.store_directory),
                "channelshim": __version__,
                "python": platform.python_version(),
            },
            "figures": figures(self),
            "problems": self.sources.status.problems(),
            "warnings": _warnings(self),
            "modules": [_module(module, tried) for module in app.modules],
            "tried": tried,
            "settings": _by_group(app.settings),
        }


class StatusPage(PageHandler):
    """The numbers alone, for the charts of the overview and for scripts."""

    template: ClassVar[str] = "status.html"
    title: ClassVar[str] = "Status"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        return {
            "figures": figures(self),
            "counters": self.sources.status.counters(),
            "problems": self.sources.status.problems(),
        }


def _warnings(page: PageHandler) -> list[str]:
    """Return what was warned of until the server ran, each once."""
    app = page.sources.app
    found = {
        str(warning): None
        for module in app.modules
        if module.config is not None and module.directory is not None
        # A reload does not log them again.
        for warning in (
            *module.config.warnings,
            *libraries_to_install(
                module.config.libraries,
                module.directory,
                is_loaded_here=app.is_loaded_here,
            )[0],
        )
    }
    for line in page.sources.logs.warnings():
        if line.at <= app.started_at + START_SECONDS:
            found.setdefault(line.text)
    return list(found)


def figures(page: PageHandler) -> dict[str, Any]:
    """Return the numbers that charts are made of; rates are their differences."""
    sources = page.sources
    counters = sources.status.counters()
    counts = sources.overview.counts()
    return {
        "at": sources.clock.time(),
        "requests": counters.get("server.requests", 0),
        "errors": counters.get("server.errors", 0),
        "answer_seconds": counters.get("server.answer_seconds", 0),
        **_durations(sources.status),
        "in_hand": counters.get("server.requests_in_hand", 0),
        "connections": counts.connections,
        "client_ids": counts.known_ids,
        "messages_written": counts.written,
        "window_bytes": counts.kept_bytes,
        "store_bytes": counters.get("store.bytes", 0),
        "memory_bytes": memory_bytes(),
    }


def _durations(status: Status) -> dict[str, Any]:
    """Return how long answers have taken: all so far, and what charts need for some."""
    found = status.histograms().get("server.duration_seconds")
    if found is None:
        # Under another server.
        found = Histogram((), (0,), 0.0)
    return {
        "answer_bounds": found.bounds,
        "answer_counts": found.counts,
        **{name: quantile(found, share) for name, share in QUANTILES.items()},
    }


def memory_bytes() -> int:
    """Return how much of this process is in memory; its most so far, off Linux."""
    try:
        pages = int(_STATM.read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # macOS counts bytes, others kilobytes.
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * resource.getpagesize()


def _module(module: Module, tried: str) -> dict[str, Any]:
    handlers = () if module.config is None else module.config.handlers
    path = tried.partition("?")[0]
    taker = next((each for each in handlers if path and each.pattern.match(path)), None)
    return {
        "name": module.name,
        "version": module.version,
        "url": module.url,
        "runtime": "" if module.config is None else module.config.runtime,
        "handlers": [
            {**_handler(each), "is_taken": each is taker} for each in handlers
        ],
        "taker": None if taker is None else _handler(taker),
    }


def _handler(handler: Handler) -> dict[str, Any]:
    return {
        "url": handler.url,
        "kind": handler.kind,
        "target": handler.target,
        "login": handler.login,
        "secure": handler.secure,
        "place": f"{handler.path}, line {handler.line}",
    }


def _by_group(settings: Any) -> Mapping[str, list[Setting]]:
    groups: dict[str, list[Setting]] = {}
    for setting in settings:
        groups.setdefault(setting.group, []).append(setting)
    return groups
