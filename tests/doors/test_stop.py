"""Ctrl-C and SIGTERM, with nothing and with something in hand."""

from __future__ import annotations

import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.lines import connect
from tests.servers import Server, Servers

SLOW = Path(__file__).parent / "apps" / "slow"


def get(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        text: str = answer.read().decode("utf-8")
        return text


def in_background(server: Server, path: str) -> tuple[threading.Thread, list[str]]:
    answers: list[str] = []

    def ask() -> None:
        try:
            answers.append(get(server.url + path))
        except OSError as error:
            answers.append(str(error))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    return thread, answers


@pytest.fixture
def slow(server: Servers) -> Server:
    return server(SLOW)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_idle_server_cleanly(slow: Server, number: int) -> None:
    assert slow.stop(number) == 0
    assert "Traceback" not in slow.output


def test_ctrl_c_does_not_wait_for_a_handler(
    slow: Server, wait_until: Callable[..., Any]
) -> None:
    in_background(slow, "slow?seconds=600")
    wait_until(lambda: "the handler has begun" in slow.output)
    assert slow.stop(signal.SIGINT) == 0
    assert "Traceback" not in slow.output
    assert slow.prints("1 requests still running")


@pytest.mark.sample
def test_sigterm_lets_a_handler_finish(
    slow: Server, wait_until: Callable[..., Any]
) -> None:
    thread, answers = in_background(slow, "slow?seconds=1")
    wait_until(lambda: "the handler has begun" in slow.output)
    assert slow.stop(signal.SIGTERM) == 0
    thread.join()
    assert answers == ["done"]


def test_sigterm_lets_a_task_finish(
    slow: Server, wait_until: Callable[..., Any]
) -> None:
    get(slow.url + "task")
    wait_until(lambda: "the task has begun" in slow.output)
    assert slow.stop(signal.SIGTERM) == 0
    assert slow.prints("the task is done")


def test_a_second_signal_means_now(
    slow: Server, wait_until: Callable[..., Any]
) -> None:
    in_background(slow, "slow?seconds=600")
    wait_until(lambda: "the handler has begun" in slow.output)
    slow.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not is_listening(slow))
    assert slow.stop(signal.SIGTERM) == 0


def is_listening(server: Server) -> bool:
    try:
        get(server.url)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def test_pages_are_told_to_come_back_and_resume(
    server: Servers, tmp_path: Path
) -> None:
    first = server(SLOW, storage_path=tmp_path)
    token = get(first.url + "token")
    address = f"ws://localhost:{first.port}/_ah/channel/socket?token={token}"
    with connect(address) as page:
        hello = page.recv()
        urllib.request.urlopen(first.url + "send", data=b"before")
        assert page.recv() == "before"
        urllib.request.urlopen(first.url + "send", data=b"missed")
        assert first.stop() == 0
        assert page.recv() == "missed"
        with pytest.raises(ConnectionClosed) as closed:
            page.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    second = server(SLOW, storage_path=tmp_path)
    number = int(str(hello).strip('{}"id: ')) + 1
    address = f"ws://localhost:{second.port}/_ah/channel/socket?token={token}"
    with connect(f"{address}&after={number}") as page:
        # The window outlived the restart: what came after "before" comes again.
        assert page.recv() == f'{{"id": {number}}}'
        assert page.recv() == "missed"
