"""Long works: those that run are kept, and too many are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from channelshim.console.page import Refused
from channelshim.console.work import MOST_WORKS, Work, Works
from tests.console.site import Site


def call(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


def test_work_without_a_thread_keeps_no_place(site: Site) -> None:
    def refuse(name: str, loop: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    def generate(status: int) -> Any:
        page = "/datastore/statistics?format=json"
        return site.post(page, "generate", status=status).json

    site.client.get("/")
    start_thread = site.client.app._console._pages.registry["sources"].start_thread
    site.replace(start_thread=refuse)
    for _ in range(MOST_WORKS + 1):
        assert "no thread to give: try again" in generate(503)["error"]
    assert not site.client.app._console._pages.registry["works"]._works
    site.replace(start_thread=start_thread)
    site.post("/datastore/statistics", "generate", status=303)


def test_a_work_that_runs_gives_way_to_no_other() -> None:
    works = Works()
    begun = [Work(f"work {number}", "/", lambda: 0.0) for number in range(MOST_WORKS)]
    keys = [works.add(work) for work in begun]
    with pytest.raises(Refused, match="20 long works have not ended: wait until"):
        works.add(Work("one more", "/", lambda: 0.0))
    begun[3].run(call, iter([(1, 1)]))
    key = works.add(Work("one more", "/", lambda: 0.0))
    assert works.find(keys[3]) is None
    assert works.find(key) is not None
    assert all(works.find(each) for each in keys if each != keys[3])
