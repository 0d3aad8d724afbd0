"""What Python 2.7 source costs on Python 3: small programs, and the load of files.

usage: python -m bench.python27 [--rounds N] [--programs NAME ...]

Each program is run translated, as plain Python 3 written by hand, and on Python 2.7
where one is at hand, in turn, best of the rounds. A table of milliseconds. The load is
timed over 14,000 lines of 2.7's own library, without the cache and from it, and its
memory compared. The exit status is 1 when anything is above its ceiling.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.lanes import find_python27

PROGRAMS = Path(__file__).parent / "python27_programs"
"""Each file is Python 2.7; beside it the same as plain Python 3, ending in `3.txt`."""

CEILING_PLAIN = 1.5
CEILING_27 = 2.0
OTHER_CEILINGS_PLAIN = {"integer_division": 1.8, "row_template": float("inf")}
"""`/` of integers takes a test; floats in text have other digits than plain ones."""

LINES = 14_000
CEILING_LOAD_SECONDS = 1.0
CEILING_CACHED_SECONDS = 0.03

_CHILD = """
import sys, time
runs = {}
while True:
    name = sys.stdin.readline().strip()
    if not name:
        break
    if name not in runs:
        space = {"__name__": name}
        exec(compile(open(name).read(), name, "exec"), space)
        runs[name] = space["run"]
    start = time.time()
    runs[name]()
    sys.stdout.write("%r\\n" % (time.time() - start))
    sys.stdout.flush()
"""


def milliseconds(run: Callable[[], object], rounds: int) -> float:
    """Return the best of some runs."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times) * 1000


def translated(path: Path) -> Callable[[], object]:
    """Return a program's `run`, translated."""
    from channelshim.python27 import compile_source

    code, builtins27 = compile_source(path.read_bytes(), str(path))
    space: dict[str, Any] = {"__name__": path.stem, "__builtins__": builtins27}
    exec(code, space)
    run: Callable[[], object] = space["run"]
    return run


def plain(path: Path) -> Callable[[], object]:
    """Return the `run` of a program of Python 3."""
    space: dict[str, Any] = {"__name__": path.stem}
    exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), space)
    run: Callable[[], object] = space["run"]
    return run


class Python27:
    """Python 2.7 in a process of its own, that runs a program once whenever asked."""

    def __init__(self) -> None:
        python27 = find_python27()
        self._process = python27 and subprocess.Popen(
            [python27, "-c", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def milliseconds(self, path: Path) -> float:
        """Run a program; infinity where there is no Python 2.7."""
        if not self._process:
            return float("inf")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline()) * 1000

    def stop(self) -> None:
        """End the process."""
        if self._process:
            self._process.communicate()


def measure_programs(names: list[str], rounds: int) -> bool:
    """Print one row for each program; tell whether all are below their ceilings."""
    is_fine = True
    paths = sorted(PROGRAMS.glob("*27.txt"))
    if names:
        paths = [path for path in paths if path.stem[:-2] in names]
    python27 = Python27()
    print(f"{'program':22}{'translated':>11}{'plain 3':>9}{'2.7':>7}   ratios")
    for path in paths:
        name = path.stem[:-2]
        ours, native = translated(path), plain(path.with_name(f"{name}3.txt"))
        if ours() != native():
            raise SystemExit(f"{name}: the two programs give different results")
        mine = theirs = before = float("inf")
        for _ in range(rounds):
            # In turn, so that a busy moment of the machine meets all.
            mine = min(mine, milliseconds(ours, 1))
            theirs = min(theirs, milliseconds(native, 1))
            before = min(before, python27.milliseconds(path))
        ratio = f"{mine / theirs:.2f} plain, {mine / before:.2f} of 2.7"
        shown = f"{before:.1f}" if before < float("inf") else "-"
        ceiling = OTHER_CEILINGS_PLAIN.get(name, CEILING_PLAIN)
        over = mine / theirs > ceiling or mine / before > CEILING_27
        is_fine = is_fine and not over
        mark = "  above the ceiling" if over else ""
        print(f"{name:22}{mine:11.1f}{theirs:9.1f}{shown:>7}   {ratio}{mark}")
    python27.stop()
    return is_fine


def library_sources(python27: str) -> dict[str, bytes]:
    """Return files of 2.7's library, LINES lines in all."""
    program = "import os; print(os.path.dirname(os.__file__))"
    answer = subprocess.check_output([python27, "-c", program], text=True)
    sources: dict[str, bytes] = {}
    lines = 0
    for path in sorted(Path(answer.strip()).glob("*.py")):
        if lines < LINES:
            sources[str(path)] = path.read_bytes()
            lines += sources[str(path)].count(b"\n")
    return sources


def measure_load() -> bool:
    """Print what loading costs; tell whether it is below its ceilings."""
    from channelshim.python27.parser import Parser
    from channelshim.python27.tokens import Tokenizer
    from channelshim.python27.translation import decode, translate

    python27 = find_python27()
    if python27 is None:
        print("load: not measured, for there is no Python 2.7 with its library")
        return True
    sources = library_sources(python27)
    texts = {name: decode(source, name) for name, source in sources.items()}

    steps: dict[str, Callable[[str], object]] = {
        "tokens": lambda name: Tokenizer(texts[name][0], name).run(),
        "tokens, parsing": lambda name: Parser(
            texts[name][0], name, texts[name][1]
        ).module(),
        "tokens to lowering": lambda name: translate(sources[name], name),
    }
    lines = sum(source.count(b"\n") for source in sources.values())
    for title, step in steps.items():
        cost = milliseconds(lambda step=step: list(map(step, sources)), 3)
        print(f"{title:22}{cost * 1000 / lines:8.1f} ms for 1,000 lines")
    with tempfile.TemporaryDirectory() as folder:
        cold, cached = _load(sources, folder), _load(sources, folder)
    print(f"{'all, from nothing':22}{cold['seconds']:8.3f} s for {lines:,} lines")
    print(f"{'all, from the cache':22}{cached['seconds']:8.3f} s")
    more = cold["memory_mib"] - cached["memory_mib"]
    print(f"{'memory afterwards':22}{more:8.1f} MiB more from nothing")
    is_fine = cold["seconds"] <= CEILING_LOAD_SECONDS
    is_fine = is_fine and cached["seconds"] <= CEILING_CACHED_SECONDS
    if not is_fine:
        print("load: above the ceiling")
    return is_fine


_LOAD = """
import json, resource, sys, time
import ast, dataclasses  # which a server has anyway
from channelshim.python27.installing import install
importer = install(sys.argv[1], cache_dir=sys.argv[1])
paths = json.load(sys.stdin)
sources = [(path, open(path, "rb").read()) for path in paths]
began = time.perf_counter()
codes = [importer.code_of(source, path) for path, source in sources]
seconds = time.perf_counter() - began
pages = int(open("/proc/self/statm").read().split()[1])
memory = pages * resource.getpagesize() / 1048576
print(json.dumps({"seconds": seconds, "memory_mib": memory}))
"""


def _load(sources: dict[str, bytes], folder: str) -> dict[str, float]:
    """Load files in a process of its own; return its seconds and its memory then."""
    command = [sys.executable, "-c", _LOAD, folder]
    output = subprocess.check_output(command, input=json.dumps([*sources]), text=True)
    figures: dict[str, float] = json.loads(output)
    return figures


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.python27")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--programs", nargs="*", default=[])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    from channelshim.python27 import install

    with tempfile.TemporaryDirectory() as folder:
        install(folder, use_cache=False)
        print(f"Python {sys.version.split()[0]}")
        is_fine = measure_programs(arguments.programs, arguments.rounds)
        is_fine = measure_load() and is_fine
    return 0 if is_fine else 1


if __name__ == "__main__":
    sys.exit(main())
