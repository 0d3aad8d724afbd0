"""What Python 2.7 source costs on Python 3: small programs, and the load of files.

usage: python -m bench.python27 [--rounds N] [--programs NAME ...]

Each program is run translated, as plain Python 3 written by hand, and on Python 2.7
where one is at hand, in turn, best of the rounds. A table of milliseconds. The load is
timed over a copy of 14,000 lines of 2.7's own library.
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
LINES = 14_000

_CHILD = """
import json, sys, time
best = {}
for name in sys.argv[2:]:
    space = {"__name__": name}
    exec(compile(open(name).read(), name, "exec"), space)
    run, times = space["run"], []
    for _ in range(int(sys.argv[1])):
        start = time.time()
        run()
        times.append(time.time() - start)
    best[name] = min(times)
print(json.dumps(best))
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


def on_python27(paths: list[Path], rounds: int) -> dict[str, float]:
    """Return the milliseconds of programs on Python 2.7, where there is one."""
    python27 = find_python27()
    if python27 is None:
        return {}
    command = [python27, "-c", _CHILD, str(rounds), *map(str, paths)]
    answer = json.loads(subprocess.check_output(command, text=True))
    return {Path(name).stem: seconds * 1000 for name, seconds in answer.items()}


def measure_programs(names: list[str], rounds: int) -> None:
    """Print one row for each program."""
    paths = sorted(PROGRAMS.glob("*27.txt"))
    if names:
        paths = [path for path in paths if path.stem[:-2] in names]
    old = on_python27(paths, rounds)
    print(f"{'program':22}{'translated':>11}{'plain 3':>9}{'2.7':>7}   ratios")
    for path in paths:
        name = path.stem[:-2]
        ours, native = translated(path), plain(path.with_name(f"{name}3.txt"))
        if ours() != native():
            raise SystemExit(f"{name}: the two programs give different results")
        mine = theirs = float("inf")
        for _ in range(rounds):
            # In turn, so that a busy moment of the machine meets both.
            mine = min(mine, milliseconds(ours, 1))
            theirs = min(theirs, milliseconds(native, 1))
        before = old.get(path.stem)
        ratio = f"{mine / theirs:.2f} plain"
        if before is not None:
            ratio += f", {mine / before:.2f} of 2.7"
        shown = "-" if before is None else f"{before:.1f}"
        over = mine / theirs > CEILING_PLAIN or (before and mine / before > CEILING_27)
        mark = "  above the ceiling" if over else ""
        print(f"{name:22}{mine:11.1f}{theirs:9.1f}{shown:>7}   {ratio}{mark}")


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


def measure_load() -> None:
    """Print what tokens, parsing, lowering and compiling cost."""
    from channelshim.python27.parser import Parser
    from channelshim.python27.tokens import Tokenizer
    from channelshim.python27.translation import decode, translate

    python27 = find_python27()
    if python27 is None:
        print("load: not measured, for there is no Python 2.7 with its library")
        return
    sources = library_sources(python27)
    texts = {name: decode(source, name) for name, source in sources.items()}

    def load(name: str) -> None:
        translation = translate(sources[name], name)
        compile(translation.tree, name, "exec", translation.flags, True)

    steps: dict[str, Callable[[str], object]] = {
        "tokens": lambda name: Tokenizer(texts[name][0], name).run(),
        "tokens, parsing": lambda name: Parser(
            texts[name][0], name, texts[name][1]
        ).module(),
        "tokens to lowering": lambda name: translate(sources[name], name),
        "all, compiled": load,
    }
    lines = sum(source.count(b"\n") for source in sources.values())
    for title, step in steps.items():
        cost = milliseconds(lambda step=step: list(map(step, sources)), 3)
        print(f"{title:22}{cost * 1000 / lines:8.1f} ms for 1,000 lines")


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
        measure_programs(arguments.programs, arguments.rounds)
        measure_load()
    return 0


if __name__ == "__main__":
    sys.exit(main())
