"""The load generator against the floor: everything sent is seen, once, in order."""

from __future__ import annotations

import pytest

from bench.install import compile_programs
from bench.load import Load
from bench.peers import PEERS, pages_of, running
from bench.places import CACHE

PAGES = 50


@pytest.mark.bench
@pytest.mark.parametrize("name", ["floor", "floor-joined"])
def test_every_text_is_counted_once_at_every_page(name: str) -> None:
    CACHE.mkdir(exist_ok=True)
    compile_programs()
    peer = PEERS[name]
    with running(peer) as server, Load(server.port) as load:
        opened = load.open(pages_of(peer, server.port, PAGES), peer.ready)
        assert opened["pages"] == PAGES
        report = load.tell("saturate 8 0.3")
        assert report["delivered"] == report["posts"] * PAGES > 0
        assert report["lost"] == report["misordered"] == report["refused"] == 0
        single = load.tell("fanout 5 1")
        assert single["delivered"] == 5 * PAGES
