"""A session: runs in turn, one peer after the other, round after round."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import answers, minichat, send_path
from bench.peers import PEERS
from bench.places import RESULTS
from bench.push import Figures, Plan, medians, run

FULL = Plan()
QUICK = Plan(seconds=1.0, fanouts=20, idle_seconds=5.0)


@dataclass(frozen=True)
class Block:
    """Runs whose figures are put beside each other.

    Attributes:
        pages: how many.
        patterns: of each peer.
        rounds: how often all of them run, in turn.
    """

    pages: int
    patterns: dict[str, tuple[str, ...]]
    rounds: int


_BOTH = ("fanout", "saturate")

BLOCKS = (
    Block(
        1000,
        {
            "channelshim": (*_BOTH, "send-path", "hub", "busy"),
            "floor": _BOTH,
            "starlette": _BOTH,
            "socketio": _BOTH,
            "floor-joined": _BOTH,
            "node": _BOTH,
            "nchan": _BOTH,
            "websockets": _BOTH,
            "socketify": _BOTH,
        },
        3,
    ),
    Block(100, {"channelshim": ("saturate",), "starlette": ("saturate",)}, 3),
    Block(5000, {"channelshim": _BOTH, "starlette": _BOTH}, 2),
    Block(5000, {"channelshim": ("idle",)}, 1),
    Block(
        10_000,
        {"channelshim": _BOTH, "floor": ("fanout",), "floor-joined": ("saturate",)},
        2,
    ),
    Block(1, {"channelshim": ("fanout",)}, 3),
    Block(15_000, {"channelshim": ("fanout",)}, 1),
)
"""All that the promised figures need."""


class Session:
    """Collects runs and says what happens.

    Args:
        plan: how long and how hard.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.runs: dict[tuple[str, int], list[Figures]] = {}
        self.failures: list[str] = []

    def add(self, name: str, pages: int, measure: Callable[[], Figures]) -> None:
        """Make one run; a failure is noted and the session goes on."""
        begun = time.monotonic()
        try:
            figures = measure()
        except (RuntimeError, OSError, ValueError) as error:
            self.failures.append(f"{name}, {pages} pages: {error}")
            print(f"{name}, {pages} pages: FAILED: {error}", file=sys.stderr)
            return
        self.runs.setdefault((name, pages), []).append(figures)
        seconds = time.monotonic() - begun
        print(f"{name}, {pages} pages: {seconds:.0f} s", file=sys.stderr, flush=True)

    def push(self, block: Block) -> None:
        """Run a block's peers in turn, round after round."""
        for _ in range(block.rounds):
            for name, patterns in block.patterns.items():
                self._push(name, block.pages, patterns)

    def _push(self, name: str, pages: int, patterns: Sequence[str]) -> None:
        self.add(name, pages, lambda: run(PEERS[name], pages, patterns, self._plan))

    def minichat(self, rounds: int, posts: int) -> None:
        """Run the tutorial, unmodified, here and on the original."""
        for _ in range(rounds):
            self.add("channelshim", 100, lambda: _chat(minichat.ours(100, posts)))
            self.add("channelshim", 0, lambda: minichat.start(is_original=False))
        self.add("original", 100, lambda: minichat.theirs(100, max(3, posts // 4)))
        self.add("original", 1, lambda: minichat.theirs(1, max(5, posts // 2)))
        with contextlib.suppress(RuntimeError, OSError):
            # Its first start writes its byte code.
            minichat.start(is_original=True)
        for _ in range(rounds):
            self.add("original", 0, lambda: minichat.start(is_original=True))

    def answers(self, rounds: int, seconds: int) -> None:
        """Ask for pages and files, here and at gunicorn and nginx."""
        begun = time.monotonic()
        try:
            measured = answers.measure(rounds, seconds)
        except (RuntimeError, OSError, ValueError) as error:
            self.failures.append(f"answers: {error}")
            return
        for figures in measured:
            for server, own in answers.medians_by_server([figures]).items():
                self.runs.setdefault((server, 0), []).append(own)
        print(f"answers: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)

    def steps(self) -> None:
        """Time the steps of the send path; kept under the peer "steps"."""
        self.add("steps", 0, send_path.run)

    def medians(self) -> dict[tuple[str, int], Figures]:
        """Return the median of each figure for each peer and number of pages."""
        return {key: medians(runs) for key, runs in self.runs.items()}

    def save(self) -> Path:
        """Write all runs as JSON into bench/.cache/results; return the file."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        path = RESULTS / time.strftime("%Y%m%d-%H%M%S.json")
        runs = [
            {"peer": peer, "pages": pages, "runs": figures}
            for (peer, pages), figures in self.runs.items()
        ]
        saved = {
            "plan": dataclasses.asdict(self._plan),
            "runs": runs,
            "failures": self.failures,
        }
        path.write_text(json.dumps(saved, indent=1))
        return path


def _chat(figures: Figures) -> Figures:
    """Keep the chat's own names: 100 pages of the fan-out app are something else."""
    return {name: value for name, value in figures.items() if name.startswith("chat")}


def load_medians(path: Path) -> dict[tuple[str, int], Figures]:
    """Return the medians of a saved session."""
    saved = json.loads(path.read_text())
    return {(run["peer"], run["pages"]): medians(run["runs"]) for run in saved["runs"]}
