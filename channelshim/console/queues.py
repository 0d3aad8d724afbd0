"""The task queues: what waits, and what can be done to it."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from channelshim.appyaml.queues import Queue
from channelshim.console.asking import chosen
from channelshim.console.page import MOST_ROWS, ROWS, PageHandler, Refused
from channelshim.contracts.tasks import ListedTask, PullTask
from channelshim.services.admin.texts import clean, of_bytes

LONGEST_PAYLOAD: Final = 100_000
"""Characters of a payload that are shown."""

_MICROSECONDS: Final = 1_000_000


class _Tasks(PageHandler):
    """What the pages of queues and tasks share."""

    def _queue(self) -> Queue:
        name = self.request.GET.get("queue", "")
        queue = self.sources.app.queues.find(name)
        if queue is None:
            raise Refused("There is no such queue in queue.yaml.", HTTPStatus.NOT_FOUND)
        return queue

    def _find(self, queue: Queue, name: str) -> ListedTask | PullTask | None:
        store = self.sources.store
        if queue.is_pull:
            return store.pull_tasks.find(queue.name, name)
        return store.tasks.find(queue.name, name)

    def _run(self, queue: Queue, names: Sequence[str]) -> str:
        if queue.is_pull:
            raise Refused("The app leases the tasks of a pull queue: none can be run.")
        begun = sum(self.sources.jobs.run_task(queue.name, each) for each in names)
        if not begun:
            raise Refused("Gone, or in hand already: no task was begun.")
        return f"Begun: {begun} of {len(names)}."

    def _delete(self, queue: Queue, names: Sequence[str]) -> str:
        store, now = self.sources.store, self.sources.clock.time()
        tasks = store.pull_tasks if queue.is_pull else store.tasks
        gone = sum(tasks.delete(queue.name, names, now))
        return f"Deleted: {gone} of {len(names)}."


class QueuesPage(_Tasks):
    """All queues."""

    template: ClassVar[str] = "queues.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        app = self.sources.app
        paused = self.sources.jobs.paused()
        return {
            "queues": [queue_facts(self, each, paused) for each in app.queues.queues],
            "runs_tasks": app.runs_tasks,
            "warnings": [str(each) for each in app.queues.warnings],
        }

    def do_pause(self, **names: str) -> str:
        """Have a queue's tasks wait."""
        return self._pause(is_paused=True)

    def do_resume(self, **names: str) -> str:
        """Have a queue's tasks run again."""
        return self._pause(is_paused=False)

    def do_purge(self, **names: str) -> str:
        """Delete all tasks of a queue."""
        queue = self._named()
        store = self.sources.store
        (store.pull_tasks if queue.is_pull else store.tasks).purge(queue.name)
        return f"{queue.name} is empty."

    def _pause(self, *, is_paused: bool) -> str:
        queue = self._named()
        if queue.is_pull:
            raise Refused("The app leases the tasks of a pull queue: nothing to pause.")
        self.sources.jobs.pause(queue.name, is_paused=is_paused)
        return f"{queue.name} {'is paused' if is_paused else 'goes on'}."

    def _named(self) -> Queue:
        queue = self.sources.app.queues.find(self.text("queue"))
        if queue is None:
            raise Refused("There is no such queue in queue.yaml.", HTTPStatus.NOT_FOUND)
        return queue


class QueuePage(_Tasks):
    """One queue and its tasks, oldest eta first."""

    template: ClassVar[str] = "queue.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        queue, limit = self._queue(), self._limit()
        after = self._after()
        tasks: Sequence[ListedTask | PullTask]
        if queue.is_pull:
            tasks = self.sources.store.pull_tasks.listed(
                queue.name,
                None if after is None else (int(after[0]), after[1]),
                limit + 1,
            )
        else:
            tasks = self.sources.store.tasks.listed(queue.name, after, limit + 1)
        shown = tasks[:limit]
        return {
            "queue": queue_facts(self, queue, self.sources.jobs.paused()),
            "tasks": [task_facts(each, self.sources.clock.time()) for each in shown],
            "next": _place_of(shown[-1]) if len(tasks) > limit else "",
            "is_first": after is None,
            "limit": limit,
        }

    def do_run(self, **names: str) -> str:
        """Run the tasks that were chosen, now."""
        return self._run(self._queue(), self._chosen())

    def do_delete(self, **names: str) -> str:
        """Delete the tasks that were chosen."""
        return self._delete(self._queue(), self._chosen())

    def _chosen(self) -> list[str]:
        names = chosen(self, "task")
        if not names:
            raise Refused("Choose tasks first.")
        return names

    def _limit(self) -> int:
        return ROWS if self.is_post else self.number("limit", ROWS, 1, MOST_ROWS)

    def _after(self) -> tuple[float, str] | None:
        eta, mark, name = self.request.GET.get("after", "").partition(" ")
        try:
            return (float(eta), name) if mark else None
        except ValueError:
            raise Refused("after is the place of a task, of another page.") from None


class TaskPage(_Tasks):
    """One task: its payload and its headers."""

    template: ClassVar[str] = "task.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        queue = self._queue()
        found = self._find(queue, self._name())
        if found is None:
            raise Refused("The task is gone: it has run.", HTTPStatus.NOT_FOUND)
        body = found.body if isinstance(found, PullTask) else found.task.body
        headers = () if isinstance(found, PullTask) else found.task.headers
        return {
            "queue": queue_facts(self, queue, self.sources.jobs.paused()),
            "task": task_facts(found, self.sources.clock.time()),
            "headers": [(clean(name), clean(value)) for name, value in headers],
            "payload": of_bytes(body, LONGEST_PAYLOAD),
        }

    def do_run(self, **names: str) -> str:
        """Run the task now."""
        queue = self._queue()
        message = self._run(queue, [self._name()])
        self.done(message, f"/queues/queue?{urlencode({'queue': queue.name})}")
        return ""

    def do_delete(self, **names: str) -> str:
        """Delete the task."""
        queue = self._queue()
        message = self._delete(queue, [self._name()])
        self.done(message, f"/queues/queue?{urlencode({'queue': queue.name})}")
        return ""

    def _name(self) -> str:
        name: str = self.request.GET.get("task", "")
        return name


def queue_facts(page: PageHandler, queue: Queue, paused: Any) -> dict[str, Any]:
    """Return what a page shows of a queue."""
    store = page.sources.store
    tasks = store.pull_tasks if queue.is_pull else store.tasks
    counts = tasks.statistics(queue.name, page.sources.clock.time())
    return {
        "name": queue.name,
        "mode": queue.mode,
        "is_pull": queue.is_pull,
        "per_second": queue.per_second,
        "bucket_size": queue.bucket_size,
        "max_concurrent": queue.max_concurrent,
        "target": queue.target,
        "retry": queue.retry,
        "is_paused": queue.name in paused,
        "tasks": counts.tasks,
        "in_hand": counts.in_hand,
        "oldest_eta": counts.oldest_eta,
    }


def task_facts(found: ListedTask | PullTask, now: float) -> dict[str, Any]:
    """Return what a page shows of a task."""
    if isinstance(found, PullTask):
        eta = found.eta_microseconds / _MICROSECONDS
        return {
            "name": found.name,
            "eta": eta,
            "leases": found.leases,
            "is_in_hand": found.leases > 0 and eta > now,
            "tag": "" if found.tag is None else of_bytes(found.tag),
            "size": len(found.body),
        }
    task = found.task
    return {
        "name": task.name,
        "eta": task.eta,
        "method": task.method,
        "path": clean(task.path),
        "retries": task.retries,
        "first_tried_at": task.first_tried_at,
        "retry": task.retry,
        "is_in_hand": found.leased_until > 0,
        "size": len(task.body),
    }


def _place_of(found: ListedTask | PullTask) -> str:
    if isinstance(found, PullTask):
        return f"{found.eta_microseconds} {found.name}"
    return f"{found.task.eta!r} {found.task.name}"
