"""The apps of examples/, each served once for the tests of a module."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest

from tests.lanes import ROOT
from tests.servers import Server, Servers

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def example(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Server]]:
    """Serve a copy of an example: `server = example("chat")`; the same one each time.

    A copy, lest a change of the repository reload it in the middle of a test.
    """
    servers = Servers(lambda: tmp_path_factory.mktemp("data"))
    served: dict[str, Server] = {}

    def example(name: str) -> Server:
        if name not in served:
            app_dir = tmp_path_factory.mktemp("examples") / name
            shutil.copytree(EXAMPLES / name, app_dir)
            served[name] = servers(app_dir)
        return served[name]

    yield example
    servers.stop()
