"""Fail unless a user's type checker knows enough of channelshim's types.

It asks pyright (basedpyright, which brings its own node) with --verifytypes. Names that
come from libraries without types do not count.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

LEAST = 0.95


def unknown_names(symbols: list[dict[str, Any]]) -> list[str]:
    """Return the names whose types are unknown or left to a checker's guess."""
    return sorted(
        symbol["name"]
        for symbol in symbols
        if symbol["isExported"] and not symbol["isTypeKnown"]
    )


def main() -> int:
    """Print the share, and what is missing below the least; return the exit status."""
    command = [
        str(Path(sys.executable).with_name("basedpyright")),
        *("--pythonpath", sys.executable, "--verifytypes", "channelshim"),
        *("--ignoreexternal", "--outputjson"),
    ]
    # An editable install is found by an import hook, which pyright does not follow.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=False
    )
    result = json.loads(run.stdout)["typeCompleteness"]
    share = result["completenessScore"]
    print(f"types that a user's checker knows: {share:.1%}")
    if share >= LEAST:
        return 0
    names = "\n  ".join(unknown_names(result["symbols"]))
    print(f"below {LEAST:.0%}; annotate some of these:\n  {names}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
