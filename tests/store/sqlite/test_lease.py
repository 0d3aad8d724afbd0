"""The lease among processes that a server has forked."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from channelshim.errors import StoreInUse
from channelshim.store.sqlite.state import SqliteStore


@pytest.mark.skipif(sys.platform == "win32", reason="no process is forked there")
def test_of_the_processes_that_one_forks_one_serves(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    claimed, told = os.pipe()
    wait, release = os.pipe()
    child = os.fork()
    if child == 0:
        store.claim()
        store.claim()
        os.write(told, b"!")
        os.read(wait, 1)
        os._exit(0)
    assert os.read(claimed, 1) == b"!"
    with pytest.raises(StoreInUse, match=f"process {child}"):
        store.claim()
    os.write(release, b"!")
    os.waitpid(child, 0)
    # It died: the place is free.
    store.claim()
    store.close()
