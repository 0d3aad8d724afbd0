"""Writes a session's tables and plots, for the terminal and for the docs."""

from __future__ import annotations

from pathlib import Path

from bench.figures import Medians, rows
from bench.peers import PEERS
from bench.places import BENCH, ROOT
from bench.plots import bars
from bench.tables import answers_table, figures_table, number, runs_table, table

PAGE = ROOT / "docs" / "explanation" / "performance.md"
NOTES = BENCH / "NOTES.md"
PICTURES = PAGE.parent / "img"
BEGIN, END = "<!-- push figures: scripts/bench -->", "<!-- end of push figures -->"

_SUMMARY = (
    ("deliveries/s under load", "delivered_per_second"),
    ("one to all, p50 ms", "fanout_p50_ms"),
    ("one to all, p99 ms", "fanout_p99_ms"),
    ("KiB per page", "kib_per_connection"),
    ("pages accepted/s", "accepted_per_second"),
)

_PLOTS = (
    ("delivered", "Delivered per second, 1,000 pages", "delivered_per_second"),
    ("one-to-all", "One message to 1,000 pages, p50, ms", "fanout_p50_ms"),
    ("memory", "Memory per idle connection, KiB", "kib_per_connection"),
)


def text(medians: Medians) -> str:
    """Return all tables as markdown."""
    measured = [row for row in rows(medians) if row.measure is not None]
    parts = ["Promised figures:\n", figures_table(measured)] if measured else []
    counts = sorted({pages for name, pages in medians if name in PEERS and pages})
    for pages in counts:
        table = runs_table(medians, pages)
        parts += [f"{pages:,} page{'' if pages == 1 else 's'}:\n", table]
    parts += [_answers(medians), _steps(medians), _start(medians), _large(medians)]
    return "\n".join(part for part in parts if part)


def _answers(medians: Medians) -> str:
    if "hello_per_second" not in medians.get(("channelshim", 0), {}):
        return ""
    return "Answers to requests over 8 connections:\n\n" + answers_table(medians)


def _steps(medians: Medians) -> str:
    steps = medians.get(("steps", 0))
    if steps is None:
        return ""
    lines = [(step, number(cost)) for step, cost in steps.items()]
    return "The send path, processor time per message:\n\n" + table(
        ("step", "µs"), lines
    )


def _start(medians: Medians) -> str:
    lines = [
        (name, number(got.get("start_seconds")), number(got.get("start_memory_mib")))
        for (name, pages), got in medians.items()
        if pages == 0 and "start_seconds" in got
    ]
    if not lines:
        return ""
    return "From the command to the first answer:\n\n" + table(
        ("server", "seconds", "MiB at rest"), lines
    )


def _large(medians: Medians) -> str:
    many = medians.get(("channelshim", 15_000))
    if many is None:
        return ""
    lost = many["fanout_lost"] + many["fanout_closed"]
    return (
        f"15,000 pages in one process: {number(many['memory_mib'])} MiB, one message "
        f"to all p50 {number(many['fanout_p50_ms'])} ms, {number(lost)} lost or "
        "closed.\n"
    )


def plots(medians: Medians, pages: int = 1000) -> dict[str, str]:
    """Return the SVG of each plot, by file name."""
    found = {}
    for name, title, key in _PLOTS:
        values = [
            (PEERS[peer].title, figures[key], peer == "channelshim")
            for (peer, count), figures in medians.items()
            if count == pages and peer in PEERS and key in figures
        ]
        is_more_better = key == "delivered_per_second"
        values.sort(key=lambda value: value[1], reverse=is_more_better)
        if values:
            found[f"push-{name}.svg"] = bars(title, values)
    return found


def write_plots(medians: Medians, folder: Path) -> list[Path]:
    """Write the plots into folder and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, svg in plots(medians).items():
        (folder / name).write_text(svg)
        written.append(folder / name)
    return written


def summary(medians: Medians, pages: int = 1000) -> str:
    """Return the few figures of each peer that users compare, as markdown."""
    lines = [
        (PEERS[peer].title, *(number(figures.get(key)) for _, key in _SUMMARY))
        for (peer, count), figures in medians.items()
        if count == pages and peer in PEERS and not peer.startswith("floor")
    ]
    return table((f"{pages:,} pages", *(title for title, _ in _SUMMARY)), lines)


def write_pages(medians: Medians) -> None:
    """Put all tables into bench/NOTES.md, and a summary and plots into PAGE.

    Raises:
        RuntimeError: a page has no marks.
    """
    pictures = "\n".join(
        f"![{title}](img/push-{name}.svg)" for name, title, _ in _PLOTS
    )
    write_plots(medians, PICTURES)
    write_between(NOTES, BEGIN, END, text(medians))
    write_between(PAGE, BEGIN, END, f"{pictures}\n\n{summary(medians)}")


def write_between(page: Path, begin: str, end: str, body: str) -> None:
    """Replace what stands between two marks of a page.

    Raises:
        RuntimeError: the page lacks a mark.
    """
    before, first, rest = page.read_text("utf-8").partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise RuntimeError(f"{page} lacks the lines {begin} and {end}")
    page.write_text(f"{before}{begin}\n\n{body}\n{end}{after}", "utf-8")
