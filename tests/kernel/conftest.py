"""The server of tests/server, for the tests of this room too."""

from __future__ import annotations

from tests.server.conftest import broker, own_server, plain_server, site

__all__ = ["broker", "own_server", "plain_server", "site"]
