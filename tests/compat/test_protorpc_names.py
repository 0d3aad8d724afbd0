"""Google's copy of protorpc can be imported on every Python."""

from __future__ import annotations

import importlib
from typing import Any

from channelshim import appengine
from channelshim.compat import protorpc_names


def test_messages_of_ndb_can_be_imported() -> None:
    appengine.install()
    msgprop = importlib.import_module("google.appengine.ext.ndb.msgprop")
    messages: Any = importlib.import_module(protorpc_names.MODULE)

    class Colour(messages.Enum):  # type: ignore[misc]
        RED = 1

    assert int(Colour.RED) == 1
    assert msgprop.EnumProperty(Colour) is not None
    assert "frozenset" not in vars(messages)


def test_only_the_set_that_is_meant_is_larger() -> None:
    assert protorpc_names.reserve(["a"]) == {"a"}
    found = protorpc_names.reserve(["__module__", "__qualname__"])
    assert {"__module__", "__static_attributes__"} < found
