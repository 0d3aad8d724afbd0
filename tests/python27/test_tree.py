"""Our tree is the one that CPython 2.7.18's own `ast` gives."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lanes import ROOT, find_python27
from tests.python27.our_tree import our_text
from tests.python27.tree_text import digest

LIST = ROOT / "tests" / "python27" / "trees.tsv"
"""Written by scripts/python27_trees.py."""

KNOWN_DIFFERENCES: frozenset[str] = frozenset()
"""Files of 2.7's library whose tree may differ; each would be looked at by hand."""


def listed(label: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, digest of the source and digest of 2.7's tree."""
    for row in LIST.read_text(encoding="utf-8").splitlines():
        owner, path, source, tree = row.split("\t")
        if owner == label:
            yield path, source, tree


def source_digest(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()[:16]


@pytest.mark.parametrize(("path", "source", "tree"), list(listed("own")))
def test_files_of_this_repository(path: str, source: str, tree: str) -> None:
    content = (ROOT / path).read_bytes()
    assert source_digest(content) == source, (
        f"{path} has changed: run scripts/python27_trees.py"
    )
    assert digest(our_text(content, path)) == tree, (
        f"compare with python2.7 tests/python27/tree_text.py --text {path}"
    )


@pytest.mark.served
@pytest.mark.python27
def test_whole_library_of_27() -> None:
    python27 = find_python27()
    assert python27 is not None
    program = "import os; print(os.path.dirname(os.__file__))"
    library = Path(
        subprocess.check_output([python27, "-c", program], text=True).strip()
    )
    different = []
    compared = 0
    for path, source, tree in listed("lib"):
        file = library / path
        if not file.is_file():
            continue
        content = file.read_bytes()
        # Another 2.7 has other files; only 2.7.18's are listed.
        if source_digest(content) != source:
            continue
        compared += 1
        if digest(our_text(content, path)) != tree:
            different.append(path)
    assert set(different) == KNOWN_DIFFERENCES
    assert compared > 1000, "this is not the library of CPython 2.7.18"
