"""Modules that apps import, and hardly use, are there."""

from __future__ import annotations

import importlib

import pytest

from channelshim import appengine


@pytest.fixture(autouse=True)
def install() -> None:
    appengine.install()


def test_logservice_has_no_logs() -> None:
    logservice = importlib.import_module("google.appengine.api.logservice")
    assert list(logservice.fetch(minimum_log_level=logservice.LOG_LEVEL_INFO)) == []
    for call in ("flush", "clear", "autoflush"):
        assert getattr(logservice, call)() is None
    from google.appengine.api.logservice import logservice as inner

    assert inner.logs_buffer() is logservice.logs_buffer()
    assert inner.logs_buffer().contents() == ""
    assert logservice.log_buffer_contents() == ""


def test_quota_counts_nothing_and_converts() -> None:
    quota = importlib.import_module("google.appengine.api.quota")
    assert quota.get_request_cpu_usage() == quota.get_request_api_cpu_usage() == 0
    assert quota.cpu_seconds_to_megacycles(2) == 2400
    assert quota.megacycles_to_cpu_seconds(2400) == 2


def test_taskqueue_is_still_in_the_labs() -> None:
    from google.appengine.api.labs import taskqueue as from_labs

    labs = importlib.import_module("google.appengine.api.labs.taskqueue")

    assert from_labs is labs
    taskqueue = importlib.import_module("google.appengine.api.taskqueue")
    assert labs is taskqueue
    assert taskqueue.__name__ == taskqueue.__spec__.name
