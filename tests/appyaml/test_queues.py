"""queue.yaml, and when a failed task is tried again."""

from __future__ import annotations

import pytest

from channelshim.appyaml.queues import (
    Queue,
    QueueConfig,
    RetryParameters,
    parse_queues,
)
from channelshim.errors import ConfigurationError

TEXT = """
total_storage_limit: 120M
queue:
- name: default
  rate: 10/m
- name: fast
  rate: 5.5/s
  bucket_size: 40
  max_concurrent_requests: 3
  target: worker
  colour: red
  retry_parameters:
    task_retry_limit: 7
    task_age_limit: 2d
    min_backoff_seconds: 10
    max_backoff_seconds: 200.5
    max_doublings: 0
    shape: round
- name: paused
  rate: 0
- name: pulled
  mode: pull
colour: red
"""


def test_queues_are_read() -> None:
    config = parse_queues(TEXT)
    assert config.find("default") == Queue("default", 10 / 60)
    assert config.find("fast") == Queue(
        "fast",
        5.5,
        40,
        3,
        "push",
        RetryParameters(7, 172800.0, 10.0, 200.5, 0),
        "worker",
    )
    assert config.find("paused") == Queue("paused", 0.0)
    assert config.find("pulled") == Queue("pulled", mode="pull")
    assert config.find("other") is None
    assert [warning.line for warning in config.warnings] == [11, 23]


def test_default_queue_is_always_there() -> None:
    assert parse_queues("") == parse_queues("queue:") == QueueConfig()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("queue:\n- rate: 5/s", "needs a name"),
        ("queue:\n- name: a_b", "needs a name"),
        ("queue:\n- name: a\n  rate: quick", "rate must be like"),
        ("queue:\n- name: a\n  bucket_size: 1.5", "bucket_size must be a whole"),
        (
            "queue:\n- name: a\n  retry_parameters:\n    min_backoff_seconds: x",
            "min_backoff_seconds must be a number",
        ),
    ],
)
def test_value_that_cannot_be_guessed_is_named(text: str, part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        parse_queues(text)


def test_backoff_doubles_then_grows_by_steps_up_to_its_bound() -> None:
    retry = RetryParameters(
        min_backoff_seconds=1, max_backoff_seconds=30, max_doublings=3
    )
    waits = [retry.backoff_seconds(number) for number in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 24, 30, 30]
    assert RetryParameters().backoff_seconds(10**6) == 3600


def test_task_is_given_up_when_over_all_bounds_it_has() -> None:
    assert not RetryParameters().gives_up(10**6, 1e9)
    assert RetryParameters(limit=0).gives_up(1, 0)
    assert not RetryParameters(limit=2).gives_up(2, 1e9)
    assert RetryParameters(age_limit_seconds=5).gives_up(1, 5)
    both = RetryParameters(limit=1, age_limit_seconds=5)
    assert not both.gives_up(2, 4)
    assert not both.gives_up(1, 6)
    assert both.gives_up(2, 6)


def test_only_a_pull_queue_leases_its_tasks() -> None:
    assert Queue("a", mode="pull").is_pull
    assert not Queue("a").is_pull


def test_numbers_of_any_kind_make_retry_parameters() -> None:
    made = RetryParameters.of({"limit": 3.0, "min_backoff_seconds": 2})
    assert made == RetryParameters(limit=3, min_backoff_seconds=2)
    assert isinstance(made.limit, int)
