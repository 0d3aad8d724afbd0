"""The figures of the table that the project promises, from the runs' medians.

Each is a value of ours, a peer's in the same session, their ratio, and two marks: the
least that is promised, and what is aimed at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Medians = Mapping[tuple[str, int], Mapping[str, float]]
"""(peer, pages) to its figures."""


@dataclass(frozen=True)
class Figure:
    """One row.

    Attributes:
        title: what is measured, with its unit.
        key: its name in the runs.
        pages: with how many pages.
        against: the peer, or None where the mark is a plain number.
        least: ratio to the peer, or plain number.
        aim: the same.
        is_lower_better: whether the marks are upper bounds.
        peer_key: the peer's figure when it has another name.
        peer_pages: the peer's pages when they are others.
    """

    title: str
    key: str
    pages: int
    against: str | None
    least: float
    aim: float
    is_lower_better: bool = False
    peer_key: str | None = None
    peer_pages: int | None = None


@dataclass(frozen=True)
class Row:
    """A figure with its values; None where it was not measured."""

    figure: Figure
    ours: float | None
    theirs: float | None

    @property
    def measure(self) -> float | None:
        """Return what is held against the marks: the ratio, or our value."""
        if self.ours is None:
            return None
        if self.figure.against is None:
            return self.ours
        return self.ours / self.theirs if self.theirs else None

    @property
    def verdict(self) -> str:
        """Return "aim", "least", "missed", or "not measured"."""
        measure = self.measure
        if measure is None:
            return "not measured"
        sign = -1 if self.figure.is_lower_better else 1
        if sign * measure >= sign * self.figure.aim:
            return "aim"
        return "least" if sign * measure >= sign * self.figure.least else "missed"


def _delivered(pages: int, against: str, least: float, aim: float) -> Figure:
    title = f"delivered per second, saturating, N = {pages:,}"
    return Figure(title, "delivered_per_second", pages, against, least, aim)


def _fanout(against: str, least: float, aim: float) -> Figure:
    title = "one message to 1,000 at a low rate, p50 ms"
    key = "fanout_p50_ms"
    return Figure(title, key, 1000, against, least, aim, is_lower_better=True)


FIGURES = (
    _delivered(1000, "starlette", 15, 25),
    _delivered(1000, "socketio", 27, 50),
    _delivered(1000, "node", 9, 9),
    _delivered(1000, "nchan", 6, 6),
    _delivered(1000, "socketify", 0, 1),
    _delivered(100, "starlette", 6, 8),
    _delivered(5000, "starlette", 10, 15),
    Figure(
        "the hub alone, fed by bare appends, delivered per second",
        "hub_delivered_per_second",
        1000,
        "starlette",
        25,
        30,
        peer_key="delivered_per_second",
    ),
    Figure(
        "delivery under that load, p99 ms",
        "delivery_p99_ms",
        1000,
        "starlette",
        0.25,
        0.25,
        is_lower_better=True,
    ),
    Figure(
        "delivery under that load, p99 ms",
        "delivery_p99_ms",
        1000,
        None,
        float("inf"),
        100,
        is_lower_better=True,
    ),
    _fanout("floor", 1.7, 1.3),
    _fanout("nchan", 1, 1),
    _fanout("starlette", 0.6, 0.6),
    Figure(
        "one message to one page, POST to page, p50 ms",
        "fanout_p50_ms",
        1,
        None,
        3,
        1.5,
        is_lower_better=True,
    ),
    Figure(
        "one message to one page against the original, p50 ms",
        "fanout_p50_ms",
        1,
        "original",
        1 / 100,
        1 / 100,
        is_lower_better=True,
    ),
    Figure(
        "send_message, mean in the caller's thread, µs",
        "send_message_cpu_us",
        1000,
        None,
        1.0,
        0.4,
        is_lower_better=True,
    ),
    Figure(
        "memory per idle connection, KiB",
        "kib_per_connection",
        5000,
        None,
        6,
        2.5,
        is_lower_better=True,
    ),
    Figure(
        "memory per idle connection, KiB",
        "kib_per_connection",
        1000,
        "nchan",
        1,
        1,
        is_lower_better=True,
    ),
    Figure(
        "connections accepted per second, presence on",
        "accepted_per_second",
        1000,
        "starlette",
        1,
        1.5,
    ),
    Figure(
        "idle processor time with 5,000 connections, heartbeats on, %",
        "idle_cpu_percent",
        5000,
        None,
        2,
        0.5,
        is_lower_better=True,
    ),
    Figure(
        "the tutorial, 100 users: POST /chat, p50 ms",
        "chat_answer_p50_ms",
        100,
        "original",
        1 / 75,
        1 / 150,
        is_lower_better=True,
    ),
    Figure(
        "the tutorial, 100 users: POST to page, p50 ms",
        "chat_page_p50_ms",
        100,
        "original",
        1 / 75,
        1 / 150,
        is_lower_better=True,
    ),
    Figure(
        "one message to 1,000 while handlers compute, over the idle p50",
        "busy_fanout_p50_ms",
        1000,
        "channelshim",
        5,
        5,
        is_lower_better=True,
        peer_key="fanout_p50_ms",
    ),
)


def _answers(
    title: str, kind: str, against: str, least: float, aim: float, peer_kind: str = ""
) -> Figure:
    return Figure(
        f"{title}, answers per second",
        f"{kind}_per_second",
        0,
        against,
        least,
        aim,
        peer_key=f"{peer_kind or kind}_per_second",
    )


ANSWERS = (
    _answers("a hello of webapp2", "hello", "gunicorn", 2, 3),
    _answers("a hello with its access log", "hello", "silent", 0.85, 0.95),
    _answers("a static file of 10 KB", "10k", "channelshim", 1, 2, "hello"),
    _answers("a static file of 10 KB", "10k", "nginx", 0.15, 0.3),
    _answers("a static file of 1 MB", "1m", "nginx", 0.5, 0.8),
    _answers("a static file of 100 MB", "100m", "nginx", 0.9, 1),
    _answers("an ndb put", "put", "stubs", 2.3, 3),
    _answers("an ndb get", "get", "stubs", 1.8, 2.5),
    _answers("a query of 20 with a jinja2 page", "page", "stubs", 2.5, 3.5),
    Figure(
        "from the command to the first answer, s",
        "start_seconds",
        0,
        "original",
        1 / 9,
        1 / 12,
        is_lower_better=True,
    ),
)
"""What bench.answers measures, and the start."""


def rows(medians: Medians) -> list[Row]:
    """Return every figure with what the medians say of it."""
    figures = [_row(figure, medians) for figure in (*FIGURES, *ANSWERS)]
    return figures + growth_rows(medians)


def _row(figure: Figure, medians: Medians) -> Row:
    ours = medians.get(("channelshim", figure.pages), {}).get(figure.key)
    theirs = None
    if figure.against is not None:
        pages = figure.peer_pages or figure.pages
        key = figure.peer_key or figure.key
        theirs = medians.get((figure.against, pages), {}).get(key)
    return Row(figure, ours, theirs)


def growth_rows(medians: Medians, few: int = 1000, many: int = 10_000) -> list[Row]:
    """Return how the cost per delivered message grows, beside the floor's growth.

    Alone: one message to all, over N. Under load: one over delivered per second,
    beside the floor that joins.
    """

    def alone(figures: Mapping[str, float], pages: int) -> float:
        return figures["fanout_p50_ms"] / pages

    def loaded(figures: Mapping[str, float], pages: int) -> float:
        return 1 / figures["delivered_per_second"]

    found = []
    for what, cost, floor in (
        ("one message to all", alone, "floor"),
        ("under load", loaded, "floor-joined"),
    ):
        title = f"cost per delivered message, {few:,} to {many:,} pages, {what}"
        figure = Figure(title, "", many, floor, 1.3, 1.0, is_lower_better=True)
        ours = _growth(medians, "channelshim", few, many, cost)
        found.append(Row(figure, ours, _growth(medians, floor, few, many, cost)))
    return found


def _growth(
    medians: Medians,
    peer: str,
    few: int,
    many: int,
    cost: Callable[[Mapping[str, float], int], float],
) -> float | None:
    try:
        small, large = medians[peer, few], medians[peer, many]
        return cost(large, many) / cost(small, few)
    except KeyError:
        return None
