"""Write constraints.txt: what pip chooses today for every Python that is supported.

Run it by hand with each interpreter's answer, to take newer versions:

    for v in 3.10 3.11 3.12 3.13; do
        python$v -m pip install --dry-run --ignore-installed --quiet \
            --report report-$v.json '.[test,dev,docs,login,redis,postgres]' \
            '.[metrics,django]'
    done
    python scripts/pin.py report-3.10.json ... report-3.13.json
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

HEAD = """\
# The versions that are tested together; scripts/pin.py writes this file.
"""


def read_report(path: Path) -> tuple[str, dict[str, str]]:
    """Return the Python version of one of pip's reports, and what it chose."""
    report = json.loads(path.read_text("utf-8"))
    chosen = {
        re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower(): item["metadata"][
            "version"
        ]
        for item in report["install"]
    }
    chosen.pop("channelshim", None)
    return report["environment"]["python_version"], chosen


def lines(reports: dict[str, dict[str, str]]) -> list[str]:
    """Return the lines of the constraints file, with markers where versions differ."""
    pins: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for python, chosen in reports.items():
        for name, version in chosen.items():
            pins[name][version].append(python)
    found = []
    for name, versions in sorted(pins.items()):
        for version, pythons in versions.items():
            marker = ""
            if len(versions) > 1:
                tests = [f"python_version == '{python}'" for python in pythons]
                marker = "; " + " or ".join(tests)
            found.append(f"{name}=={version}{marker}")
    return found


def main() -> None:
    """Read the reports named on the command line and write the file."""
    reports = dict(read_report(Path(name)) for name in sys.argv[1:])
    target = Path(__file__).resolve().parent.parent / "constraints.txt"
    target.write_text(HEAD + "\n".join(lines(reports)) + "\n", "utf-8")


if __name__ == "__main__":
    main()
