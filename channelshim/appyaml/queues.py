"""queue.yaml to frozen dataclasses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from channelshim.appyaml.config import Notice
from channelshim.appyaml.nodes import Node, parse_yaml
from channelshim.appyaml.parsing import SECONDS, Warn, parse_period

DEFAULT_QUEUE: Final = "default"

_RATE: Final = re.compile(r"(\d{1,9}(?:\.\d*)?)\s*(?:/\s*([smhd]))?", re.ASCII)
_NAME: Final = re.compile(r"[a-zA-Z0-9-]{1,100}")
_INERT: Final = frozenset({"acl", "user_email", "writer_email"})


@dataclass(frozen=True, slots=True)
class RetryParameters:
    """When and how often a failed task is tried again.

    Attributes:
        limit: tries after the first one, or None for no limit.
        age_limit_seconds: since the first try, or None. With both, a task is given up
            when it is over both.
        min_backoff_seconds: before the first retry.
        max_backoff_seconds: the longest wait.
        max_doublings: how often the wait doubles before it grows by steps.
    """

    limit: int | None = None
    age_limit_seconds: float | None = None
    min_backoff_seconds: float = 0.1
    max_backoff_seconds: float = 3600.0
    max_doublings: int = 16

    @classmethod
    def of(cls, given: Mapping[str, float]) -> RetryParameters:
        """Return parameters by their names here, numbers of any kind."""
        whole = {"limit", "max_doublings"}
        return cls(
            **{
                key: int(value) if key in whole else value
                for key, value in given.items()
            }  # type: ignore[arg-type]
        )

    def backoff_seconds(self, retry: int) -> float:
        """Return the wait before a retry.

        Args:
            retry: 1 for the first one.
        """
        doublings = max(0, min(retry - 1, self.max_doublings))
        steps = max(1, retry - doublings)
        wait = self.min_backoff_seconds * 2.0 ** min(doublings, 1000) * steps
        return min(wait, self.max_backoff_seconds)

    def gives_up(self, retry: int, age_seconds: float) -> bool:
        """Return whether a failed task is over every limit that is set.

        Without a limit it is tried again for ever.

        Args:
            retry: the number that the next retry would have, from 1.
            age_seconds: since the first try.
        """
        if self.limit is None and self.age_limit_seconds is None:
            return False
        has_tries = self.limit is not None and retry <= self.limit
        has_time = (
            self.age_limit_seconds is not None and age_seconds < self.age_limit_seconds
        )
        return not has_tries and not has_time


@dataclass(frozen=True, slots=True)
class Queue:
    """One element of `queue:`.

    Attributes:
        name: letters, digits and dashes.
        per_second: tasks started per second, or None for no bound; 0 pauses it.
        bucket_size: tasks that may start at once after a pause.
        max_concurrent: tasks that run at once, or None for no bound.
        mode: "push" or "pull".
        retry: of tasks that do not say otherwise.
        target: the module that its tasks are for, perhaps behind a version; "" for the
            one that adds them.
    """

    name: str
    per_second: float | None = None
    bucket_size: int = 5
    max_concurrent: int | None = None
    mode: str = "push"
    retry: RetryParameters = RetryParameters()
    target: str = ""

    @property
    def is_pull(self) -> bool:
        """Whether the app leases its tasks; else they are requests to the app."""
        return self.mode == "pull"


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """A queue.yaml; there is always a queue named default."""

    queues: tuple[Queue, ...] = (Queue(DEFAULT_QUEUE),)
    warnings: tuple[Notice, ...] = ()

    def find(self, name: str) -> Queue | None:
        """Return the queue of this name, or None."""
        for queue in self.queues:
            if queue.name == name:
                return queue
        return None


def parse_queues(text: str, *, path: str = "queue.yaml") -> QueueConfig:
    """Return what queue.yaml says; what is not known becomes a warning.

    Raises:
        ConfigurationError: no YAML, or a value that cannot be guessed.
    """
    warnings: list[Notice] = []

    def warn(node: Node, sentence: str) -> None:
        warnings.append(Notice(sentence, node.path, node.line))

    queues: dict[str, Queue] = {}
    for key, node in parse_yaml(text, path).pairs("queue.yaml"):
        if key == "queue":
            for item in node.items("queue"):
                queue = _parse_queue(item, warn)
                queues[queue.name] = queue
        elif key not in ("total_storage_limit", "application"):
            warn(node, f"{key} is not known and ignored")
    queues.setdefault(DEFAULT_QUEUE, Queue(DEFAULT_QUEUE))
    return QueueConfig(tuple(queues.values()), tuple(warnings))


def _parse_queue(node: Node, warn: Warn) -> Queue:
    values = dict(node.pairs("a queue"))
    name = values["name"].text("name") if "name" in values else ""
    if not _NAME.fullmatch(name):
        raise node.error("a queue needs a name of letters, digits and dashes")
    read: dict[str, object] = {"name": name}
    for key, value in values.items():
        if key == "rate":
            read["per_second"] = parse_rate(value)
        elif key == "bucket_size":
            read["bucket_size"] = max(1, _whole(value, key))
        elif key == "max_concurrent_requests":
            read["max_concurrent"] = _whole(value, key) or None
        elif key == "mode":
            read["mode"] = value.text(key).strip().lower()
        elif key == "retry_parameters":
            read["retry"] = parse_retry(value, "task")
        elif key == "target":
            read["target"] = value.text(key).strip()
        elif key != "name" and key not in _INERT:
            warn(value, f"queue: {key} is not known and ignored")
    return Queue(**read)  # type: ignore[arg-type]


def parse_rate(node: Node) -> float:
    """Return the tasks per second of "5/s", "10/m" or "0".

    Raises:
        ConfigurationError: no such rate.
    """
    match = _RATE.fullmatch(node.text("rate").strip())
    if match is None:
        raise node.error(f'rate must be like "5/s", not {node.text("rate")!r}')
    return float(match[1]) / SECONDS[match[2] or "s"]


def parse_retry(
    node: Node, kind: str, defaults: RetryParameters = RetryParameters()
) -> RetryParameters:
    """Return what retry_parameters says.

    Args:
        node: its value.
        kind: "task" or "job", with which the limits' names begin.
        defaults: where it says nothing.

    Raises:
        ConfigurationError: no such number or period.
    """
    read: dict[str, object] = {}
    for key, value in node.pairs("retry_parameters"):
        if key == f"{kind}_retry_limit":
            read["limit"] = _whole(value, key)
        elif key == f"{kind}_age_limit":
            read["age_limit_seconds"] = float(parse_period(value, key))
        elif key in ("min_backoff_seconds", "max_backoff_seconds"):
            read[key] = _number(value, key)
        elif key == "max_doublings":
            read["max_doublings"] = _whole(value, key)
    return replace(defaults, **read)  # type: ignore[arg-type]


def _whole(node: Node, key: str) -> int:
    text = node.text(key).strip()
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise node.error(f"{key} must be a whole number, not {text!r}")
    return int(text)


def _number(node: Node, key: str) -> float:
    text = node.text(key).strip()
    if not re.fullmatch(r"\d{1,9}(\.\d{0,9})?|\.\d{1,9}", text, re.ASCII):
        raise node.error(f"{key} must be a number, not {text!r}")
    return float(text)
