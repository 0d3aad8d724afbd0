"""A stop of somebody else's server does not wait for the polls that it holds."""

from __future__ import annotations

import http.client
import json
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from channelshim.transports import stop_signals
from tests.programs import running
from tests.server.plain_site import APP, PlainSite

GUNICORN = [sys.executable, "-m", "gunicorn", "--workers=1", "--bind=127.0.0.1:0"]
GTHREAD = [*GUNICORN, "--worker-class=gthread", "--threads=8", "wrapped:app"]
SYNC = [*GUNICORN, "wrapped:app"]


def served_by(name: str) -> list[str]:
    return [sys.executable, "served_by.py", name]


# SIGTERM ends the others at once: nothing there handles it.
STOPS = [
    pytest.param(GTHREAD, signal.SIGTERM, id="gthread-SIGTERM"),
    pytest.param(GTHREAD, signal.SIGINT, id="gthread-SIGINT"),
    pytest.param(SYNC, signal.SIGTERM, id="sync-SIGTERM"),
    pytest.param(SYNC, signal.SIGINT, id="sync-SIGINT"),
    pytest.param(served_by("paste"), signal.SIGINT, id="paste"),
    pytest.param(served_by("waitress"), signal.SIGINT, id="waitress"),
    pytest.param(served_by("werkzeug"), signal.SIGINT, id="werkzeug"),
]


@pytest.mark.parametrize(("command", "number"), STOPS)
def test_stop_ends_the_polls_that_are_held(
    tmp_path: Path,
    wait_until: Callable[..., Any],
    command: list[str],
    number: signal.Signals,
) -> None:
    variables = {"CHANNELSHIM_STORAGE_PATH": str(tmp_path)}
    with running(command, APP, variables) as program:
        site = PlainSite(program.wait_for_url())
        answers: list[bytes] = []

        def poll(token: str) -> None:
            # A server may also end without another word.
            try:
                path = f"/_ah/channel/poll?token={token}&wait=25"
                answers.append(site.ask(path)[1])
            except (OSError, http.client.HTTPException):
                answers.append(b"")

        ids = ["one", "two"]
        pages = [threading.Thread(target=poll, args=(site.token(id_),)) for id_ in ids]
        for page in pages:
            page.start()
        for client_id in ids:
            wait_until(lambda name=client_id: site.told(name) == ["connected"])
        program.process.send_signal(number)
        program.wait_for_end()
        for page in pages:
            page.join()
    # Not 0, as after the time that they had asked for.
    retries = [json.loads(answer)["retry_ms"] for answer in answers if answer]
    assert set(retries) <= {1000}
    if command[-1] != "werkzeug":
        # That one leaves its threads behind.
        assert len(retries) == len(ids)


# --- Who handles signals --------------------------------------------------------------


class Listener:
    """Counts the stops it is told of."""

    def __init__(self) -> None:
        self.stops = 0

    def note_stop(self) -> None:
        self.stops += 1


@pytest.fixture
def handled() -> Any:
    """Return the signals that are handled while a test runs; SIGTERM is not."""
    names = [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT]
    before = {number: signal.getsignal(number) for number in names}
    calls: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: calls.append(number))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    yield calls
    for number, handler in before.items():
        signal.signal(number, handler)


def test_handler_that_was_there_is_called_once_for_many_listeners(
    handled: list[int],
) -> None:
    listeners = [Listener() for _ in range(3)]
    for listener in listeners:
        stop_signals.listen(listener)
    signal.raise_signal(signal.SIGINT)
    assert handled == [signal.SIGINT]
    assert [listener.stops for listener in listeners] == [1, 1, 1]


def test_signals_that_nobody_handles_stay_as_they_are(handled: list[int]) -> None:
    stop_signals.listen(Listener())
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGQUIT) is signal.SIG_IGN


def test_listener_that_is_gone_is_forgotten(handled: list[int]) -> None:
    stop_signals.listen(Listener())
    signal.raise_signal(signal.SIGINT)
    assert handled == [signal.SIGINT]


def test_other_threads_change_no_handler(handled: list[int]) -> None:
    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=stop_signals.listen, args=(Listener(),))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before
