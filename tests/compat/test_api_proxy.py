"""Stubs are made when they are first asked for, once."""

from __future__ import annotations

import threading

from google.appengine.api import apiproxy_stub

from channelshim.compat.api_proxy import LazyStubMap
from tests.lanes import timeout_factor


class Stub(apiproxy_stub.APIProxyStub):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__("made")


def test_stub_is_made_once_when_it_is_asked_for() -> None:
    made: list[Stub] = []

    def make() -> Stub:
        made.append(Stub())
        return made[-1]

    stubs = LazyStubMap({"made": make})
    assert made == []
    assert stubs.GetStub("made") is stubs.GetStub("made") is made[0]
    assert len(made) == 1
    assert stubs.GetStub("unknown") is None


def test_thread_that_asks_while_it_is_made_waits_for_it() -> None:
    is_making, may_end = threading.Event(), threading.Event()

    def make() -> Stub:
        is_making.set()
        assert may_end.wait(10 * timeout_factor())
        return Stub()

    stubs = LazyStubMap({"made": make})
    found: list[object] = []

    def ask() -> None:
        found.append(stubs.GetStub("made"))

    first = threading.Thread(target=ask)
    first.start()
    assert is_making.wait(10 * timeout_factor())
    second = threading.Thread(target=ask)
    second.start()
    # Not made yet, but known: the second waits, or comes when it is made.
    second.join(0.05)
    may_end.set()
    first.join(10 * timeout_factor())
    second.join(10 * timeout_factor())
    assert len(found) == 2
    assert found[0] is found[1] is not None


def test_stub_that_an_app_registers_counts() -> None:
    stubs = LazyStubMap({"made": Stub})
    own = Stub()
    stubs.ReplaceStub("made", own)
    assert stubs.GetStub("made") is own


def test_stub_map_tells_its_own_stubs_from_others() -> None:
    stubs = LazyStubMap({"made": Stub, "registered": Stub, "replaced": Stub})
    assert stubs.is_own("made")
    assert not stubs.is_own("unknown")
    stubs.GetStub("made")
    assert stubs.is_own("made")
    stubs.RegisterStub("registered", Stub())
    assert not stubs.is_own("registered")
    stubs.GetStub("replaced")
    stubs.ReplaceStub("replaced", Stub())
    assert not stubs.is_own("replaced")
