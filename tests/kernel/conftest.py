"""The server of tests/server, for the tests of this room too."""

from __future__ import annotations

from tests.server.conftest import own_server, plain_server, site

__all__ = ["own_server", "plain_server", "site"]
