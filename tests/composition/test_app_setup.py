"""What an app process is told, and how its ends are counted."""

from __future__ import annotations

import json
import signal
from types import MappingProxyType

import pytest

from channelshim.composition.app_setup import Address, AppSetup
from channelshim.composition.app_slot import MOST_ENDS, Slot, how_it_ended
from channelshim.composition.settings import Settings


def test_setup_comes_out_as_it_went_in() -> None:
    settings = Settings(
        workers=3,
        allowed_hosts=("a", "b"),
        env_var=MappingProxyType({"NAME": "välue\udcff"}),
        signing_secrets=("x" * 32,),
        request_deadline_seconds=1.5,
        cron=True,
    )
    setup = AppSetup(
        2,
        settings,
        ("/app\udcff", "/app/worker.yaml"),
        (Address(("127.0.0.1", 8080)), Address(("::1", 8081, 0, 0))),
        "123",
        "channelshim",
        1,
        1,
        ("0123456789ab",),
    )
    assert AppSetup.of_json(setup.to_json()) == setup
    assert setup.addresses[1].getsockname()[1] == 8081


def test_setup_by_an_older_front_is_read() -> None:
    # channelshim was installed anew while the front runs, and a process ended.
    text = json.dumps(
        {
            "number": 2,
            "settings": {"workers": 3, "allowed_hosts": ["a", "b"]},
            "paths": ["/app"],
            "addresses": [["127.0.0.1", 8080]],
            "minor_version": "123",
            "program": "channelshim",
            "folder": 0,
            "instance": 1,
        }
    )
    setup = AppSetup.of_json(text.encode("ascii"))
    assert setup.warned == ()
    assert setup.settings == Settings(workers=3, allowed_hosts=("a", "b"))
    assert (setup.number, setup.instance) == (2, 1)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "by itself, with status 0"),
        (-signal.SIGSEGV, "was ended by SIGSEGV"),
        (-200, "was ended by signal 200"),
    ],
)
def test_end_is_told_in_words(code: int, words: str) -> None:
    assert words in how_it_ended(1, code)


def test_fifth_end_in_a_row_is_one_too_many() -> None:
    slot = Slot(1)
    assert [slot.note_end(1.0) for _ in range(MOST_ENDS)] == [False] * 4 + [True]
    assert not slot.note_end(60.0)
    assert slot.pause_after(1.0) < slot.pause_after(1.0)
    assert slot.pause_after(60.0) == 0.1
