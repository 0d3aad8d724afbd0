"""Write down what Python 2.7 makes of its library and of our samples.

    python scripts/python27_trees.py

Needs CPython 2.7.18 (on the PATH or under pyenv). Writes tests/python27/trees.tsv: for
each file a digest of its bytes and one of 2.7's tree as text. The tests compare our
tree with the list, so they need no Python 2.7 for files of this repository.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.lanes import find_python27  # noqa: E402

WRITER = ROOT / "tests" / "python27" / "tree_text.py"
LIST = ROOT / "tests" / "python27" / "trees.tsv"
OWN = ("tests/python27/sources/*.txt", "tests/legacy_apps/*/**/*.py")


def library_of(python27: str) -> Path:
    """Return the folder of an interpreter's library."""
    program = "import os; print(os.path.dirname(os.__file__))"
    command = [python27, "-c", program]
    return Path(subprocess.check_output(command, text=True).strip())


def digests(python27: str, paths: list[Path]) -> dict[Path, str]:
    """Return the digest of 2.7's tree for each file that it compiles."""
    command = [python27, "-B", str(WRITER), *map(str, paths)]
    rows = subprocess.check_output(command, text=True).splitlines()
    found = {}
    for row in rows:
        path, _, digest = row.partition("\t")
        if not digest.startswith("refused"):
            found[Path(path)] = digest
    return found


def main() -> int:
    """Write the list."""
    python27 = find_python27()
    if python27 is None:
        print("no Python 2.7 on the PATH or under pyenv", file=sys.stderr)
        return 1
    library = library_of(python27)
    own = sorted(path for pattern in OWN for path in ROOT.glob(pattern))
    installed = library / "site-packages"
    files = sorted(
        path for path in library.rglob("*.py") if installed not in path.parents
    )
    rows = []
    for label, folder, paths in (("own", ROOT, own), ("lib", library, files)):
        for path, digest in sorted(digests(python27, paths).items()):
            source = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
            name = path.relative_to(folder).as_posix()
            rows.append(f"{label}\t{name}\t{source}\t{digest}\n")
    LIST.write_text("".join(rows), encoding="utf-8")
    print(f"{len(rows)} files in {LIST.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
