"""One run of one peer with N pages: what is measured, and in which order."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.load import Load
from bench.peers import Peer, ask, pages_of, running
from bench.process import ServerProcess

Figures = dict[str, float]


@dataclass(frozen=True)
class Plan:
    """How long and how hard.

    Attributes:
        writers: how many POST at once under load.
        seconds: how long they go on.
        fanouts: single messages at a low rate.
        pause_ms: between two of them.
        idle_seconds: for the idle processor time; longer than the ping interval.
        busy_handlers: handlers that compute while single messages are sent.
    """

    writers: int = 16
    seconds: float = 3.0
    fanouts: int = 60
    pause_ms: int = 10
    idle_seconds: float = 25.0
    busy_handlers: int = 7


def run(peer: Peer, pages: int, patterns: Sequence[str], plan: Plan) -> Figures:
    """Start the peer, open the pages, measure each pattern; return all figures.

    Raises:
        RuntimeError: a page could not be opened, or the server died.
    """
    with running(peer) as server:
        _warm_up(peer, server)
        before = server.memory_kib()
        paths = pages_of(peer, server.port, pages)
        with Load(server.port) as load:
            load.tell(f"post_to {peer.post_port(server.port)}")
            opened = load.open(paths, peer.ready)
            if opened["pages"] != pages:
                raise RuntimeError(f"{peer.name}: not all pages opened: {opened}")
            time.sleep(1.0)
            figures = {
                "accepted_per_second": opened["per_second"],
                "kib_per_connection": (server.memory_kib() - before) / pages,
            }
            for pattern in patterns:
                figures.update(PATTERNS[pattern](server, load, plan))
            figures["memory_mib"] = server.memory_kib() / 1024
    return figures


def _warm_up(peer: Peer, server: ServerProcess) -> None:
    for _ in range(20):
        if peer.page is None:
            ask(server.port, "/tokens?n=1")
        ask(peer.post_port(server.port), "/send", "POST", "warm")


def _checked(report: dict[str, Any], pattern: str) -> Figures:
    """Keep what a table needs, and what says that the run was sound."""
    return {
        f"{pattern}_lost": report["lost"],
        f"{pattern}_misordered": report["misordered"],
        f"{pattern}_refused": report["refused"],
        f"{pattern}_closed": report["closed"],
        f"{pattern}_client_cpu": report["client_cpu"],
    }


def _fanout(server: ServerProcess, load: Load, plan: Plan) -> Figures:
    cpu = server.cpu_seconds()
    report = load.tell(f"fanout {plan.fanouts} {plan.pause_ms}")
    spent = server.cpu_seconds() - cpu
    return {
        "fanout_cpu_us": 1e6 * spent / max(1, report["delivered"]),
        "fanout_p50_ms": report["fanout_p50_ms"],
        "fanout_p99_ms": report["fanout_p99_ms"],
        "fanout_answer_p50_ms": report["answer_p50_ms"],
        **_checked(report, "fanout"),
    }


def _saturate(server: ServerProcess, load: Load, plan: Plan) -> Figures:
    cpu, begun = server.cpu_seconds(), time.monotonic()
    report = load.tell(f"saturate {plan.writers} {plan.seconds}")
    spent = server.cpu_seconds() - cpu
    return {
        "delivered_per_cpu_second": report["delivered"] / max(spent, 0.01),
        "delivered_per_second": report["per_second"],
        "delivery_p50_ms": report["latency_p50_ms"],
        "delivery_p99_ms": report["latency_p99_ms"],
        "texts_per_read": report["delivered"] / max(1, report["reads"]),
        "saturate_server_cpu": spent / (time.monotonic() - begun),
        **_checked(report, "saturate"),
    }


def _idle(server: ServerProcess, load: Load, plan: Plan) -> Figures:
    cpu, begun = server.cpu_seconds(), time.monotonic()
    report = load.tell(f"idle {plan.idle_seconds}")
    spent = (server.cpu_seconds() - cpu) / (time.monotonic() - begun)
    return {"idle_cpu_percent": 100 * spent, "idle_closed": report["closed"]}


def _busy(server: ServerProcess, load: Load, plan: Plan) -> Figures:
    """One message to all while handlers compute: only channelshim's app has them."""
    load.tell(f"busy {plan.busy_handlers} /busy")
    time.sleep(0.5)
    report = load.tell(f"fanout {plan.fanouts} {plan.pause_ms}")
    load.tell("unbusy")
    return {
        "busy_fanout_p50_ms": report["fanout_p50_ms"],
        "busy_fanout_p99_ms": report["fanout_p99_ms"],
        **_checked(report, "busy"),
    }


def _send_path(server: ServerProcess, load: Load, plan: Plan) -> Figures:
    """send_message in the handler's thread, as the handler itself timed it."""
    ask(server.port, "/stats")
    load.tell(f"fanout {plan.fanouts} {plan.pause_ms}")
    stats = json.loads(ask(server.port, "/stats"))
    return {
        "send_message_cpu_us": 1e6 * stats["cpu_seconds"] / stats["texts"],
        "send_message_wall_us": 1e6 * stats["wall_seconds"] / stats["texts"],
    }


def _hub(server: ServerProcess, load: Load, plan: Plan) -> Figures:
    """The hub alone: a thread appends, no request and no send_message."""
    ask(server.port, f"/feed?port={server.port}&seconds={plan.seconds}", "POST", "")
    report = load.tell(f"listen {plan.seconds + 10}")
    return {
        "hub_delivered_per_second": report["per_second"],
        "hub_delivery_p99_ms": report["latency_p99_ms"],
        **_checked(report, "hub"),
    }


PATTERNS: dict[str, Callable[[ServerProcess, Load, Plan], Figures]] = {
    "fanout": _fanout,
    "saturate": _saturate,
    "idle": _idle,
    "busy": _busy,
    "send-path": _send_path,
    "hub": _hub,
}
"""Opening the pages is measured always. The last three are for our app alone."""


def medians(runs: Iterable[Figures]) -> Figures:
    """Return the median of each figure over runs."""
    runs = list(runs)
    names = {name for figures in runs for name in figures}
    return {
        name: statistics.median(run[name] for run in runs if name in run)
        for name in sorted(names)
    }
