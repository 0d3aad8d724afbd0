"""The values that rooms hand to each other."""

from __future__ import annotations

import dataclasses

import pytest

from channelshim.broker.memory import MemoryBroker
from channelshim.contracts.broker import Broker, Replay
from channelshim.contracts.dispatcher import InternalRequest
from channelshim.contracts.overview import KnownChannels


def test_a_replay_ends_at_the_number_of_its_last_text() -> None:
    assert Replay(7, ("a", "b")).last_number == 9
    assert Replay(7, ()).last_number == 7


def test_requests_cannot_be_changed_on_their_way() -> None:
    request = InternalRequest("POST", "/_ah/channel/connected/")
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.path = "/elsewhere"  # type: ignore[misc]


@pytest.mark.parametrize("contract", [Broker, KnownChannels])
def test_the_memory_broker_has_every_method_of_the_contract(contract: type) -> None:
    asked = {name for name in vars(contract) if not name.startswith("_")}
    assert asked <= {name for name in dir(MemoryBroker) if not name.startswith("_")}
