"""The hub's tests run on a broker that answers at once, and on one that does later."""

from __future__ import annotations

import pytest

from tests.hub.parts import House


@pytest.fixture(params=["memory", "delayed"])
def brokers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test once for each."""
    monkeypatch.setattr(House, "is_delayed", request.param == "delayed")
