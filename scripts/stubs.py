"""Write google-stubs/: what type checkers read of the modules that we add to Google's.

A checker does not run the import hook that answers for `google.appengine.api.channel`
and its like. It reads this folder of stubs, which the wheel puts beside the package;
`partial` in its py.typed sends it to Google's own package for all other modules. Each
stub takes the names and types of the module of ours that answers, by the one table in
channelshim/appengine/surface.py.

`scripts/docs` calls it; `--check` writes nothing and exits with 1 on a stale file.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STUBS = ROOT / "google-stubs"

HEAD = "# scripts/stubs.py writes this file.\n"


def stubs() -> dict[str, str]:
    """Return the text of each file by its path below google-stubs/."""
    from channelshim.appengine import surface

    places = surface.aliases()
    packages = {name.rpartition(".")[0] for name in places}
    files = {"py.typed": "partial\n"}
    for name, place in places.items():
        path = name.removeprefix("google.").replace(".", "/")
        is_package = name in packages or _is_package(place)
        path += "/__init__.pyi" if is_package else ".pyi"
        files[path] = f"{HEAD}from {place} import *\n"
    return files


def _is_package(module: str) -> bool:
    return (ROOT / module.replace(".", "/") / "__init__.py").is_file()


def stale_files() -> list[str]:
    """Return the paths of files that are missing, out of date, or nobody's."""
    right = stubs()
    present = {
        path.relative_to(STUBS).as_posix(): path.read_text("utf-8")
        for path in STUBS.rglob("*")
        if path.is_file()
    }
    names = right.keys() | present.keys()
    return sorted(name for name in names if right.get(name) != present.get(name))


def main() -> int:
    """Write the files, or check them, and return the exit status."""
    stale = stale_files()
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(f"google-stubs/{name} is stale: run scripts/docs", file=sys.stderr)
        return 1 if stale else 0
    if stale:
        shutil.rmtree(STUBS, ignore_errors=True)
        for name, text in stubs().items():
            path = STUBS / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        print("wrote google-stubs/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
