"""Runs CPython 2.7's own tests under 2.7 and through our loader, file by file."""

from __future__ import annotations

import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile
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
    owner = test.rpartition(".")[0]
    keys = (
        name,
        f"{name}:{test}",
        f"{name}:{owner}.*",
        f"{name}:*.{test.split('.')[-1]}",
    )
    return any(key in names for key in keys)


def copy_tests(python27: str, folder: Path) -> None:
    """Copy the interpreter's package `test` into an app's folder."""
    code = "import test, os; print(os.path.dirname(os.path.abspath(test.__file__)))"
    source = subprocess.check_output([python27, "-c", code], text=True).strip()
    ignored = shutil.ignore_patterns("*.pyc", "*.pyo")
    shutil.copytree(source, folder / "test", ignore=ignored)
    for name in ("json", "unittest", "email", "ctypes", "sqlite3"):
        # The library's packages that carry their tests within.
        tests = Path(source).parent / name / ("tests" if name == "json" else "test")
        if tests.is_dir():
            shutil.copytree(tests, folder / "carried" / name, ignore=ignored)


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


def main() -> None:
    """Run the files named, or all, and print what fails."""
    python27, *names = sys.argv[1:]
    folder = Path(tempfile.gettempdir()) / "channelshim-lib-test"
    app = folder / "app"
    if not app.exists():
        app.mkdir(parents=True)
        copy_tests(python27, app)
    names = names or sorted(listed())
    baseline_path = folder / "baseline.json"
    baseline = json.loads(baseline_path.read_text()) if baseline_path.exists() else {}
    missing = [name for name in names if name not in baseline]
    if missing:
        baseline.update(run_all(missing, python27, None, seconds=300))
        baseline_path.write_text(json.dumps(baseline))
    ours = run_all(names, sys.executable, app, seconds=240)
    results = folder / "ours.json"
    before = json.loads(results.read_text()) if results.exists() else {}
    results.write_text(json.dumps({**before, **ours}))
    report(names, baseline, ours)


def report(names: list[str], baseline: Any, ours: Any) -> None:
    """Print, file by file, how many of 2.7's passing tests pass here."""
    groups = listed()
    left_out = excluded()
    totals: dict[str, list[int]] = {}
    for name in names:
        expected = {
            test for test, what in baseline[name]["found"].items() if what == "ok"
        }
        counted = {test for test in expected if not is_excluded(name, test, left_out)}
        passed = {test for test in counted if ours[name]["found"].get(test) == "ok"}
        total = totals.setdefault(groups.get(name, "?"), [0, 0, 0])
        total[0] += len(passed)
        total[1] += len(counted)
        total[2] += len(expected)
        mark = "" if len(passed) == len(counted) else " *"
        error = (ours[name].get("error") or "").strip().splitlines()
        print(
            f"{name} {len(passed)}/{len(counted)}/{len(expected)}{mark}"
            + (f"  {error[-1][:150]}" if error else "")
        )
    for group, (passed_, counted_, expected_) in totals.items():
        print(
            f"{group}: {passed_} of {counted_} = "
            f"{passed_ / max(1, counted_):.1%}, "
            f"{1 - counted_ / max(1, expected_):.1%} of {expected_} excluded"
        )


if __name__ == "__main__":
    main()
