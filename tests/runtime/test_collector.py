"""The collector is rarely at work while an app is loaded, and as usual after."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from channelshim.runtime import collector
from tests.lanes import ROOT


@pytest.fixture(autouse=True)
def usual() -> Iterator[tuple[int, int, int]]:
    before = gc.get_threshold()
    yield before
    gc.set_threshold(*before)
    gc.unfreeze()


def test_threshold_of_before_is_back(usual: tuple[int, int, int]) -> None:
    collector.be_patient()
    collector.be_patient()
    assert gc.get_threshold()[0] == collector.PATIENT_THRESHOLD
    collector.freeze()
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count()


def test_garbage_of_a_program_that_serves_is_given_back() -> None:
    class Node:
        pass

    gc.collect()
    node = Node()
    node.own = node  # type: ignore[attr-defined]
    del node
    collector.freeze()
    assert not any(type(each) is Node for each in gc.get_objects(generation=2))
    gc.unfreeze()
    assert not any(type(each) is Node for each in gc.get_objects())


def test_only_serving_collects_rarely(tmp_path: Path) -> None:
    # What is imported for a command must not be looked at again and again either.
    program = (
        "import gc, sys; from channelshim.cli import entry; "
        "usual = gc.get_threshold(); sys.argv = ['channelshim', 'init', sys.argv[1]]; "
        "from channelshim.cli import project; "
        "project.write_tutorial_app = lambda path: [str(gc.get_threshold() == usual)]; "
        "entry.channelshim()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert "wrote True" in done.stdout
