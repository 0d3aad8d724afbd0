"""Presence: which client ids are connected, as the app is told."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum


class Change(Enum):
    """A change that the app is told of.

    Presence is per client id, and the same in all processes together: an id is
    connected while a page of it is connected anywhere, or within its grace.
    """

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"


Tell = Callable[[str, Change], None]
"""Takes a client id and what the app is to be told of it."""
