"""The command behind scripts/bench."""

from __future__ import annotations

import argparse
import dataclasses
import signal
import sys
from pathlib import Path

from bench import report
from bench.install import install
from bench.peers import PEERS
from bench.places import RECORDED, RESULTS
from bench.push import PATTERNS, Plan
from bench.session import BLOCKS, FULL, QUICK, Block, Session, load_medians

_OURS_ALONE = ("busy", "send-path", "hub")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure channelshim beside its peers. Without a choice of peer, "
        "pages or pattern: all promised figures, in about a quarter of an hour.",
    )
    parser.add_argument("--peer", action="append", choices=[*PEERS], default=[])
    parser.add_argument("--pages", action="append", type=int, default=[])
    parser.add_argument("--pattern", action="append", choices=[*PATTERNS], default=[])
    parser.add_argument("--writers", type=int, choices=range(1, 17), metavar="1..16")
    parser.add_argument("--seconds", type=float, help="of load in each run")
    parser.add_argument("--rounds", type=int, help="of all peers in turn")
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--no-tutorial", action="store_true", help="leave it out")
    parser.add_argument(
        "--out", type=Path, default=RESULTS, help="folder for the plots"
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="record it, and write bench/NOTES.md and docs/explanation/performance.md",
    )
    parser.add_argument(
        "--from", dest="saved", type=Path, help="a saved session: only report it"
    )
    return parser.parse_args()


def _plan(arguments: argparse.Namespace) -> Plan:
    plan = QUICK if arguments.quick else FULL
    said = {
        name: getattr(arguments, name)
        for name in ("writers", "seconds")
        if getattr(arguments, name) is not None
    }
    return dataclasses.replace(plan, **said)


def _blocks(arguments: argparse.Namespace) -> list[Block]:
    """Return the chosen runs, or all that the figures need."""
    if not (arguments.peer or arguments.pages or arguments.pattern):
        rounds = 1 if arguments.quick else arguments.rounds
        return [
            dataclasses.replace(block, rounds=min(rounds or block.rounds, block.rounds))
            for block in BLOCKS
        ]
    peers = arguments.peer or list(PEERS)
    patterns = arguments.pattern or ["fanout", "saturate"]
    chosen = {
        peer: tuple(
            p for p in patterns if peer == "channelshim" or p not in _OURS_ALONE
        )
        for peer in peers
    }
    rounds = arguments.rounds or (1 if arguments.quick else 3)
    return [Block(pages, chosen, rounds) for pages in arguments.pages or [1000]]


def _measure(arguments: argparse.Namespace) -> Session:
    for sentence in install():
        print(f"not installed: {sentence}", file=sys.stderr)
    session = Session(_plan(arguments))
    for block in _blocks(arguments):
        session.push(block)
    is_chosen = arguments.peer or arguments.pages or arguments.pattern
    if not is_chosen:
        session.steps()
        session.answers(1 if arguments.quick else 3, 2)
    if not (is_chosen or arguments.no_tutorial):
        session.minichat(1 if arguments.quick else 3, 8 if arguments.quick else 24)
    return session


def main() -> int:
    """Measure, or read a saved session; print tables, write plots."""
    # Servers are ended by their context managers, whatever ends us.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    arguments = _arguments()
    failures: list[str] = []
    if arguments.saved:
        medians = load_medians(arguments.saved)
    else:
        session = _measure(arguments)
        medians, failures = session.medians(), session.failures
        arguments.saved = session.save()
        print(f"saved as {arguments.saved}", file=sys.stderr)
    print(report.text(medians))
    for path in report.write_plots(medians, arguments.out):
        print(f"plot: {path}", file=sys.stderr)
    if arguments.write:
        RECORDED.write_bytes(arguments.saved.read_bytes())
        report.write_pages(medians)
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
