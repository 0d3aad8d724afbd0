"""Run tests now, and again whenever a file is saved: scripts/dev watch TEST ...

It watches the package, its tests and the files that the arguments name. A file that is
saved while the tests run has them run once more.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import watchfiles

ROOT = Path(__file__).resolve().parent.parent


def watched(arguments: Sequence[str]) -> set[Path]:
    """Return the folders and files whose changes matter for a run of pytest."""
    # FILE::TEST names a file too.
    own = {ROOT / "channelshim", ROOT / "tests"}
    named = {Path(argument.partition("::")[0]).absolute() for argument in arguments}
    elsewhere = {
        path
        for path in named - {ROOT}
        if path.exists() and not any(path.is_relative_to(folder) for folder in own)
    }
    return own | elsewhere


def main() -> int:
    """Run pytest with the command line's arguments until Ctrl-C."""
    arguments = sys.argv[1:]
    command = [sys.executable, "-m", "pytest", *arguments]
    try:
        # Watched before the first run, so that no save in between is missed.
        changes = watchfiles.watch(
            *watched(arguments), rust_timeout=500, yield_on_timeout=True
        )
        next(changes)
        while True:
            subprocess.run(command, check=False)
            print("== runs again when a file is saved; Ctrl-C ends it", flush=True)
            while not next(changes):
                pass
    except (KeyboardInterrupt, StopIteration):
        # watchfiles returns at Ctrl-C on some systems and raises on others.
        return 0


if __name__ == "__main__":
    sys.exit(main())
