"""The pages of the task queues, by what a person does on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.appengine.api import taskqueue

from channelshim.contracts.tasks import PullTask, Task
from tests.console.services.conftest import HOSTILE, Visitor


def add(visitor: Visitor, name: str, queue: str = "default", **facts: Any) -> Task:
    task = Task(
        queue,
        name,
        facts.pop("eta", visitor.clock.time() + 3600),
        "POST",
        "/work?x=1",
        (("X-Own", HOSTILE),),
        b"\x00\xffpayload",
        **facts,
    )
    visitor.store.tasks.add([task], visitor.clock.time())
    return task


def test_queues_are_listed_with_rate_bucket_and_oldest_eta(visitor: Visitor) -> None:
    add(visitor, "late")
    add(visitor, "soon", eta=visitor.clock.time() + 5)
    visitor.get("/queues")
    queues = {each["name"]: each for each in visitor.json("/queues")["queues"]}
    assert list(queues) == ["default", "slow", "pull"]
    one = queues["default"]
    assert (one["tasks"], one["per_second"], one["bucket_size"]) == (2, 5.0, 7)
    assert one["oldest_eta"] == visitor.clock.time() + 5
    assert queues["pull"]["is_pull"]


def test_task_is_shown_with_payload_headers_and_retries(visitor: Visitor) -> None:
    add(visitor, "one", retries=3, retry={"limit": 5})
    page = visitor.get("/queues/task?queue=default&task=one")
    facts = visitor.json("/queues/task?queue=default&task=one")
    assert facts["task"]["retries"] == 3
    assert facts["payload"] == "\\x00\\xffpayload"
    assert facts["headers"] == [["X-Own", HOSTILE]]
    assert "Retry now" in page.text
    visitor.get("/queues/task?queue=default&task=absent", status=404)
    visitor.get("/queues/queue?queue=absent", status=404)


def test_task_runs_now_although_its_eta_is_far(
    visitor: Visitor, wait_until: Callable[..., Any]
) -> None:
    add(visitor, "one")
    assert visitor.do("/queues/task?queue=default&task=one", "run") == "Begun: 1 of 1."
    wait_until(lambda: visitor.store.tasks.find("default", "one") is None)
    (request,) = visitor.app.seen
    assert (request.method, request.path) == ("POST", "/work?x=1")
    assert dict(request.headers)["X-AppEngine-TaskName"] == "one"
    assert "no task was begun" in visitor.refuse(
        "/queues/queue?queue=default", "run", {"task": "one"}
    )


def test_task_that_fails_is_kept_for_its_next_try(
    visitor: Visitor, wait_until: Callable[..., Any]
) -> None:
    visitor.app.status = 500
    add(visitor, "one")
    visitor.do("/queues/queue?queue=default", "run", {"task": "one"})

    def retries() -> int:
        found = visitor.store.tasks.find("default", "one")
        assert found is not None
        return found.task.retries

    wait_until(lambda: retries() == 1)
    visitor.get("/queues/queue?queue=default")


def test_chosen_tasks_are_deleted_and_a_queue_is_purged(visitor: Visitor) -> None:
    for name in "abcd":
        add(visitor, name)
    pairs = [("task", "a"), ("task", "b"), ("task", "absent")]
    assert (
        visitor.do("/queues/queue?queue=default", "delete", pairs) == "Deleted: 2 of 3."
    )
    assert "Choose" in visitor.refuse("/queues/queue?queue=default", "delete")
    visitor.do("/queues/task?queue=default&task=c", "delete")
    visitor.do("/queues", "purge", {"queue": "default"})
    assert visitor.json("/queues")["queues"][0]["tasks"] == 0
    visitor.refuse("/queues", "purge", {"queue": "absent"}, status=404)


def test_queue_is_paused_and_goes_on(visitor: Visitor) -> None:
    visitor.do("/queues", "pause", {"queue": "default"})
    assert set(visitor.store.tasks.paused()) == {"default"}
    assert visitor.json("/queues")["queues"][0]["is_paused"]
    assert "paused" in visitor.get("/queues/queue?queue=default").text
    visitor.do("/queues", "resume", {"queue": "default"})
    assert set(visitor.store.tasks.paused()) == set()
    visitor.refuse("/queues", "pause", {"queue": "pull"})


def test_pull_queue_shows_leases_and_tags(visitor: Visitor) -> None:
    taskqueue.Queue("pull").add(
        taskqueue.Task(payload=b"\xff", method="PULL", name="t", tag="g")
    )
    visitor.store.tasks.add([PullTask("pull", "u", 5, b"", tag=b"\xff")], 0.0)
    visitor.store.pull_tasks.lease("pull", visitor.clock.time(), 60.0, 1)
    visitor.get("/queues/queue?queue=pull")
    tasks = {t["name"]: t for t in visitor.json("/queues/queue?queue=pull")["tasks"]}
    assert (tasks["t"]["tag"], tasks["u"]["tag"]) == ("g", "\\xff")
    assert (tasks["u"]["leases"], tasks["u"]["is_in_hand"]) == (1, True)
    visitor.get("/queues/task?queue=pull&task=t")
    visitor.refuse("/queues/queue?queue=pull", "run", {"task": "t"})
    assert (
        visitor.do("/queues/queue?queue=pull", "delete", {"task": "t"})
        == "Deleted: 1 of 1."
    )


def test_long_queue_is_paged(visitor: Visitor) -> None:
    now = visitor.clock.time()
    for queue, path in (("default", None), ("pull", PullTask)):
        made: list[Any] = [
            Task(queue, f"t{n:04}", now + n // 3, "GET", "/")
            if path is None
            else PullTask(queue, f"t{n:04}", n // 3, b"")
            for n in range(500)
        ]
        visitor.store.tasks.add(made, now)
        seen: list[str] = []
        where = f"/queues/queue?queue={queue}&limit=60"
        while where:
            page = visitor.get(where)
            seen += [
                box["value"]
                for box in page.html.find_all("input", attrs={"name": "task"})
            ]
            link = page.html.find("a", rel="next")
            where = f"/queues/queue{link['href']}" if link else ""
        assert seen == [f"t{n:04}" for n in range(500)]
    visitor.get("/queues/queue?queue=default&after=x+y", status=400)


def test_hostile_tasks_are_shown_as_text(visitor: Visitor) -> None:
    task = Task(
        "default", "t", 1e300, HOSTILE, HOSTILE, ((HOSTILE, HOSTILE),), HOSTILE.encode()
    )
    visitor.store.tasks.add([task], 0.0)
    visitor.get("/queues")
    visitor.get("/queues/queue?queue=default")
    visitor.get("/queues/task?queue=default&task=t")
