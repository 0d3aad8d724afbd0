"""ndb between requests: nothing stale, and no put lost that nobody waited for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from channelshim.runtime.environment import RequestScope

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def ndb() -> Iterator[Any]:
    from google.appengine.ext import ndb, testbed

    bed = testbed.Testbed()
    bed.activate()
    bed.init_datastore_v3_stub()
    bed.init_memcache_stub()
    yield ndb
    bed.deactivate()


@pytest.fixture
def note(ndb: Any) -> Any:
    class Note(ndb.Model):  # type: ignore[misc, name-defined]
        text = ndb.StringProperty()

    return Note


def in_request(call: Any) -> Any:
    scope = RequestScope({})
    try:
        return scope.run(call)
    finally:
        scope.close()


def test_a_request_does_not_see_what_an_earlier_one_had_cached(note: Any) -> None:
    key = in_request(lambda: note(text="old").put())
    assert in_request(lambda: key.get().text) == "old"

    def change_elsewhere() -> None:
        entity = key.get(use_cache=False, use_memcache=False)
        entity.text = "new"
        entity.put(use_cache=False)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(in_request, change_elsewhere).result()
    assert in_request(lambda: key.get(use_memcache=False).text) == "new"


def test_nor_does_a_pool_thread_that_serves_many_requests(note: Any) -> None:
    key = in_request(lambda: note(text="old").put())
    with ThreadPoolExecutor(1) as pool:

        def read_in_pool() -> str:
            text: str = pool.submit(lambda: key.get(use_memcache=False).text).result()
            return text

        def change() -> None:
            entity = key.get()
            entity.text = "new"
            entity.put()

        assert in_request(read_in_pool) == "old"
        in_request(change)
        assert in_request(read_in_pool) == "new"


def test_a_put_that_nobody_waited_for_is_written(note: Any) -> None:
    in_request(lambda: note(id="kept", text="x").put_async())
    assert in_request(lambda: note.get_by_id("kept").text) == "x"


def test_also_one_from_a_thread_of_the_request(note: Any) -> None:
    def handle() -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: note(id="kept", text="x").put_async() and None).result()

    in_request(handle)
    assert in_request(lambda: note.get_by_id("kept").text) == "x"


def test_a_request_leaves_what_began_before_it_alone(note: Any) -> None:
    before = note(id="before", text="x").put_async()
    # It has an event loop of its own, in which the put above would never end.
    in_request(lambda: None)
    assert before.get_result() == note.get_by_id("before").key
