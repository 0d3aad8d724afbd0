"""Two checkouts by turns: what a change costs, as ratios with their uncertainty.

usage: python3 -m bench.turns OTHER_CHECKOUT [--runs 20] [--row NAME ...]

Each side is served by its own .venv (scripts/install in both first). The machine's
speed drifts, so the sides alternate, and each figure is the ratio of a run of this
checkout to the run of the other one beside it; the interval is a bootstrap's over
those ratios.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import minichat
from bench.install import install
from bench.peers import Peer, serve_command
from bench.places import BENCH, ROOT
from bench.push import Figures, Plan, run

RESAMPLES = 2000

LOWER_IS_BETTER = frozenset(
    {"chat_answer_p50_ms", "fanout_p50_ms", "memory_mib"}
    | {"start_memory_mib", "start_seconds"}
)
"""Figures whose ratio is taken the other way round: above 1 is always better."""


def python_of(checkout: Path) -> Path:
    """Return the interpreter of a checkout's own environment."""
    return checkout / ".venv" / "bin" / "python"


def peer_of(checkout: Path, app: Path = BENCH / "apps" / "fanout") -> Peer:
    """Return channelshim as that checkout has it, serving an app."""

    def command(port: int, folder: Path) -> list[str]:
        return serve_command(app, port, folder, python_of(checkout))

    return Peer("channelshim", "channelshim", command, ready="hello", page=None)


def _push(pages: int, *patterns: str) -> Callable[[Path], Figures]:
    plan = Plan(seconds=2.0, fanouts=60)
    return lambda checkout: run(peer_of(checkout), pages, patterns, plan)


def _chat(checkout: Path) -> Figures:
    return minichat.ours(100, 8, python=python_of(checkout))


def _start(checkout: Path) -> Figures:
    """Return the seconds to the tutorial's first answer, and the memory then."""
    return minichat.start(is_original=False, python=python_of(checkout))


ROWS: dict[str, tuple[Callable[[Path], Figures], tuple[str, ...]]] = {
    "saturate": (_push(1000, "saturate"), ("delivered_per_second",)),
    "fanout": (_push(1000, "fanout"), ("fanout_p50_ms", "accepted_per_second")),
    # Memory at rest is taken in steps: with fewer pages they are all that shows.
    "memory": (_push(5000, "fanout"), ("memory_mib",)),
    "one": (_push(1, "fanout"), ("fanout_p50_ms",)),
    "hub": (_push(1000, "hub"), ("hub_delivered_per_second",)),
    "tutorial": (_chat, ("chat_answer_p50_ms",)),
    "start": (_start, ("start_seconds", "start_memory_mib")),
}
"""Name of a row: what measures it, and which of its figures count."""


def ratio(key: str, ours: float, theirs: float) -> float:
    """Return ours to theirs, above 1 where ours is better."""
    return theirs / ours if key in LOWER_IS_BETTER else ours / theirs


def interval(ratios: list[float], chance: random.Random) -> tuple[float, float]:
    """Return the bounds within which the median lies in 95 % of resamples."""
    medians = sorted(
        statistics.median(chance.choices(ratios, k=len(ratios)))
        for _ in range(RESAMPLES)
    )
    return medians[int(0.025 * RESAMPLES)], medians[int(0.975 * RESAMPLES)]


def measure(row: str, other: Path, runs: int) -> dict[str, list[float]]:
    """Return the ratios of each figure of a row, one for each pair of runs."""
    measured, keys = ROWS[row]
    ratios: dict[str, list[float]] = {key: [] for key in keys}
    for number in range(runs):
        # Who begins changes, so that a drift favours nobody.
        sides = [ROOT, other] if number % 2 else [other, ROOT]
        figures = {side: measured(side) for side in sides}
        for key in keys:
            ratios[key].append(ratio(key, figures[ROOT][key], figures[other][key]))
        print(f"{row}: {number + 1} of {runs}", file=sys.stderr, flush=True)
    return ratios


def main() -> int:
    """Measure the rows and print a line for each figure."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.turns")
    parser.add_argument("other", type=Path, help="a checkout with its own .venv")
    parser.add_argument("--runs", type=int, default=20, help="of each side")
    parser.add_argument("--row", action="append", choices=[*ROWS], default=[])
    parser.add_argument("--out", type=Path, help="keeps the ratios as JSON")
    arguments = parser.parse_args()
    for sentence in install():
        print(f"not installed: {sentence}", file=sys.stderr)
    other = arguments.other.resolve()
    chance = random.Random(1)
    kept = {}
    print("| figure | ratio, above 1 is better | 95 % interval | pairs |")
    print("|---|---|---|---|")
    for row in arguments.row or ROWS:
        begun = time.monotonic()
        for key, ratios in measure(row, other, arguments.runs).items():
            low, high = interval(ratios, chance)
            kept[f"{row}: {key}"] = ratios
            middle = statistics.median(ratios)
            bounds = f"{low:.3f} to {high:.3f}"
            print(f"| {row}: {key} | {middle:.3f} | {bounds} | {len(ratios)} |")
        print(f"{row}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(kept, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
