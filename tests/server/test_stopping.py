"""Signals that stop a server, as they come in the middle of one another."""

from __future__ import annotations

import signal

import pytest

from channelshim.server import stopping
from channelshim.server.stopping import StopSignals


@pytest.mark.parametrize("second", [signal.SIGHUP, signal.SIGTERM])
def test_signal_while_a_hangup_is_handled_ends_nothing_at_once(
    monkeypatch: pytest.MonkeyPatch, second: signal.Signals
) -> None:
    # Ended, this process could fail no test.
    ends: list[str] = []
    monkeypatch.setattr(stopping, "end_now", lambda: ends.append("now"))
    stops: list[int] = []
    hangups: list[str] = []

    def hung_up() -> bool:
        hangups.append("again")
        if len(hangups) == 1:
            signal.raise_signal(second)
        return False

    with StopSignals(stops.append, hung_up) as signals:
        signal.raise_signal(signal.SIGHUP)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    assert signals.number == second
    assert (stops, ends) == ([second], [])
