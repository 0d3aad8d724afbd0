"""Ports that tests' programs get; see tests/ports.py."""

from __future__ import annotations

import pytest

from tests import ports


def test_workers_of_a_run_get_no_port_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    found = []
    for worker in ("gw0", "gw1", "gw2"):
        # Each is a process of its own.
        monkeypatch.setattr(ports, "_in_use", set())
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        found += [ports.free_port() for _ in range(20)]
    assert len({*found}) == 60
    # By their remainders, and not by chance.
    assert len({(at // 20, port % 3) for at, port in enumerate(found)}) == 3


@pytest.mark.parametrize("lowest", [0, 1 << 15])
def test_search_for_a_port_ends(monkeypatch: pytest.MonkeyPatch, lowest: int) -> None:
    monkeypatch.setattr(ports, "_lowest_of_the_system", lambda: lowest)
    monkeypatch.setattr(ports, "_in_use", {*range(1 << 16)})
    with pytest.raises(RuntimeError, match="no free port in 1000 tries"):
        ports.free_port()
