"""Runs CPython 2.7's own tests under 2.7 and through our loader, file by file."""

from __future__ import annotations

import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def listed() -> dict[str, str]:
    """Return each file with its group: language or library."""
    files = {}
    for line in (HERE / "files.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            group, _, names = line.partition(":")
            files.update(dict.fromkeys(names.split(), group))
    return files


def excluded() -> dict[str, str]:
    """Return what is left out, `file` or `file:Class.test`, with the reason."""
    found = {}
    for line in (HERE / "excluded.tsv").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, reason = line.partition("\t")
            found[name] = reason
    return found


def is_excluded(name: str, test: str, names: dict[str, str]) -> bool:
    """Tell whether a test is left out: by itself, with its class, or its file."""
    full = f"{name}:{test}"
    return any(pattern == name or fnmatchcase(full, pattern) for pattern in names)


def copy_tests(python27: str, folder: Path) -> None:
    """Copy the interpreter's package `test` into an app's folder."""
    code = "import test, os; print(os.path.dirname(os.path.abspath(test.__file__)))"
    source = subprocess.check_output([python27, "-c", code], text=True).strip()
    ignored = shutil.ignore_patterns("*.pyc", "*.pyo")
    shutil.copytree(source, folder / "test", ignore=ignored)


def run(name: str, python: str, app: Path | None, seconds: float) -> dict[str, Any]:
    """Run one file, and return what each of its tests gave."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output.json"
        command = [python, str(HERE / "run_one.py"), f"test.{name}", str(output)]
        environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"}
        if app is not None:
            command.append(str(app))
            environment["PYTHONPATH"] = str(ROOT)
        else:
            environment.pop("PYTHONPATH", None)
        work = Path(folder) / "work"
        work.mkdir()
        try:
            done = subprocess.run(
                command,
                cwd=work,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"error": "it did not end", "found": {}, "reasons": {}}
        try:
            note: dict[str, Any] = json.loads(output.read_text("utf-8"))
        except (OSError, ValueError):
            text = done.stdout.decode("utf-8", "replace")[-2000:]
            return {"error": f"it crashed: {text}", "found": {}, "reasons": {}}
        return note


def run_all(
    names: list[str], python: str, app: Path | None, *, seconds: float, workers: int = 2
) -> dict[str, dict[str, Any]]:
    """Run files, some at a time."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        running = {name: pool.submit(run, name, python, app, seconds) for name in names}
        return {name: future.result() for name, future in running.items()}


@dataclass
class Counts:
    """How many tests of a group there are, and what they gave."""

    expected: int = 0
    """Those that pass on 2.7."""
    excluded: int = 0
    counted: int = 0
    passed: int = 0


def counts(expected: Any, ours: Any) -> dict[str, Counts]:
    """Return the counts of each group of files."""
    names = excluded()
    found: dict[str, Counts] = {}
    for name, group in listed().items():
        if name not in expected or name not in ours:
            continue
        each = found.setdefault(group, Counts())
        for test in _passing(expected[name]):
            each.expected += 1
            if is_excluded(name, test, names):
                each.excluded += 1
                continue
            each.counted += 1
            each.passed += ours[name]["found"].get(test) == "ok"
    return found


def failing_tests(expected: Any, ours: Any) -> set[str]:
    """Return the tests that pass on 2.7 only, and are not left out."""
    names = excluded()
    return {
        f"{name}:{test}"
        for name in listed()
        if name in expected and name in ours
        for test in _passing(expected[name])
        if ours[name]["found"].get(test) != "ok" and not is_excluded(name, test, names)
    }


def _passing(note: Any) -> list[str]:
    return sorted(test for test, what in note["found"].items() if what == "ok")


def main() -> None:
    """Run the files named, or all, and print what fails; --write the list of it."""
    python27, *names = sys.argv[1:]
    writes = "--write" in names
    names = [name for name in names if name != "--write"] or sorted(listed())
    folder = Path(
        os.environ.get("LIB_TEST_FOLDER")
        or Path(tempfile.gettempdir()) / "channelshim-lib-test"
    )
    app = folder / "app"
    if not app.exists():
        app.mkdir(parents=True)
        copy_tests(python27, app)
    expected = _baseline(folder, python27, names)
    ours = run_all(names, sys.executable, app, seconds=240)
    results = folder / "ours.json"
    before = json.loads(results.read_text()) if results.exists() else {}
    results.write_text(json.dumps({**before, **ours}))
    for name in names:
        failing = failing_tests({name: expected[name]}, ours)
        error = (ours[name].get("error") or "").strip().splitlines()
        print(name, len(_passing(expected[name])), -len(failing), *error[-1:])
    for group, each in counts({name: expected[name] for name in names}, ours).items():
        print(group, each, f"{each.passed / max(1, each.counted):.1%}")
    if writes:
        text = "\n".join(sorted(failing_tests(expected, ours)))
        (HERE / "failing.txt").write_text(text + "\n")


def _baseline(folder: Path, python27: str, names: list[str]) -> Any:
    """Return what passes on 2.7, run once and kept."""
    path = folder / "baseline.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    missing = [name for name in names if name not in known]
    if missing:
        known.update(run_all(missing, python27, None, seconds=300))
        path.write_text(json.dumps(known))
    return known


if __name__ == "__main__":
    main()
