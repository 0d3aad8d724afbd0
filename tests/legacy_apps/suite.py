"""An app's own suite with the Python 2.7 mode put in by hand.

A program for the tests, run in the app's folder as `python suite.py run_tests.py`,
until `channelshim test` installs the mode by itself for old runtimes. Without a script
the suite is found as `channelshim test unittest` finds it.
"""

from __future__ import annotations

import os
import sys

from channelshim import python27
from channelshim.cli import testing


def main() -> int:
    """Run the suite and return the exit status."""
    sys.path[0] = folder = os.getcwd()
    testing.install()
    python27.install(folder, cache_dir=os.environ.get("PYTHON27_CACHE"))
    if len(sys.argv) == 1:
        return testing.main(["unittest"])
    script = os.path.abspath(sys.argv[1])
    sys.argv = [script, "/no/sdk"]
    with open(script, "rb") as file:
        code, names = python27.compile_source(file.read(), script)
    exec(code, {"__name__": "__main__", "__file__": script, "__builtins__": names})
    return 0


if __name__ == "__main__":
    sys.exit(main())
