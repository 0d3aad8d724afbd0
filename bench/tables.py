"""Markdown tables of figures and of runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.answers import FILES, HANDLED, WEBS
from bench.figures import ANSWERS, Medians, Row
from bench.peers import PEERS

_TITLES = {web.name: web.title for web in WEBS}
_TITLES |= {peer.name: peer.title for peer in PEERS.values()}

_COLUMNS = (
    ("delivered/s", "delivered_per_second"),
    ("per CPU second", "delivered_per_cpu_second"),
    ("delivery p50 ms", "delivery_p50_ms"),
    ("delivery p99 ms", "delivery_p99_ms"),
    ("one to all p50 ms", "fanout_p50_ms"),
    ("one to all p99 ms", "fanout_p99_ms"),
    ("CPU µs each", "fanout_cpu_us"),
    ("accepted/s", "accepted_per_second"),
    ("KiB per connection", "kib_per_connection"),
    ("lost", "saturate_lost"),
    ("client's core, %", "saturate_client_cpu"),
)


def number(value: float | None) -> str:
    """Write a value with three digits that count."""
    if value is None:
        return "-"
    if value == float("inf"):
        return "-"
    if value >= 1000:
        digits = len(str(int(value))) - 3
        return f"{int(round(value, -digits)):,}"
    if value >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.3g}"


def _ratio(value: float | None) -> str:
    if value is not None and 0 < value < 0.1:
        return f"1/{1 / value:.0f}"
    return number(value)


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a markdown table."""
    text = "| " + " | ".join(head) + " |\n|" + "---|" * len(head) + "\n"
    return text + "".join("| " + " | ".join(line) + " |\n" for line in lines)


def figures_table(rows: Iterable[Row]) -> str:
    """Return the promised figures: value, peer's, ratio, marks, verdict."""
    head = ("figure", "value", "beside", "its value", "ratio", "at least", "aim", "")
    return table(head, [_figure_line(row) for row in rows])


def _figure_line(row: Row) -> tuple[str, ...]:
    figure = row.figure
    is_ratio = figure.against is not None
    beside = "-"
    if is_ratio:
        beside = _TITLES.get(str(figure.against), "original")
        if figure.against == "channelshim":
            beside = "its hello" if figure in ANSWERS else "idle"
    return (
        figure.title,
        number(row.ours),
        beside,
        number(row.theirs),
        _ratio(row.measure) if is_ratio else "-",
        ("at most " if figure.is_lower_better else "") + _ratio(figure.least),
        _ratio(figure.aim),
        row.verdict,
    )


def runs_table(medians: Medians, pages: int) -> str:
    """Return all peers measured with so many pages, one a line."""
    lines = []
    for (name, count), figures in medians.items():
        if count != pages or name not in PEERS:
            continue
        values = [_cell(key, figures.get(key)) for _, key in _COLUMNS]
        lines.append((PEERS[name].title, *values))
    return table(("server", *(title for title, _ in _COLUMNS)), lines)


def answers_table(medians: Medians) -> str:
    """Return what each server answers in a second, and its processor time for one."""
    lines = []
    for web in WEBS:
        figures = medians.get((web.name, 0), {})
        for kind in (*HANDLED, *FILES):
            rate = figures.get(f"{kind}_per_second")
            if rate is not None:
                cpu = figures.get(f"{kind}_cpu_ms")
                lines.append((web.title, kind, number(rate), number(cpu)))
    return table(("server", "what", "answers/s", "CPU ms each"), lines)


def _cell(key: str, value: float | None) -> str:
    if value is not None and key.endswith("client_cpu"):
        value *= 100
    return number(value)
