"""A console over a real instance, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from channelshim.broker.memory import MemoryBroker
from channelshim.composition import brokers
from tests.broker.delayed import DelayedBroker
from tests.console.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A console, and what stands behind it."""
    opened = Site(tmp_path)
    yield opened
    opened.close()


@pytest.fixture(params=["memory", "delayed"])
def any_site(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """The same, over each kind of broker."""
    if request.param == "delayed":

        def delayed(*args: Any, **kwargs: Any) -> DelayedBroker:
            return DelayedBroker(MemoryBroker(*args, **kwargs))

        monkeypatch.setattr(brokers, "MemoryBroker", delayed)
    opened = Site(tmp_path)
    yield opened
    opened.close()
