"""A server on PostgreSQL that is gone for good, where channels are not shared."""

from __future__ import annotations

import json
import shutil
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import await_condition
from tests.failures.herd import APP
from tests.lines import connect
from tests.servers import Server, Servers
from tests.store.backends import give_back_schema, shared_server, take_schema

pytestmark = [pytest.mark.postgres, pytest.mark.failures]


@pytest.fixture
def store() -> Iterator[list[str]]:
    schema = take_schema()
    yield [f"--store={shared_server().url()}", f"--store_schema={schema}"]
    give_back_schema(schema)


def get(server: Server, path: str) -> str:
    with urllib.request.urlopen(server.url + path) as answer:
        text: str = answer.read().decode("utf-8")
        return text


def test_app_hears_from_another_server_who_has_gone(
    server: Servers, store: list[str], tmp_path: Path
) -> None:
    log = tmp_path / "presence"

    def start(name: str) -> Server:
        return server(
            APP,
            *store,
            "--automatic_restart=no",
            storage_path=tmp_path / name,
            env={"SENDER_LOG": str(log)},
        )

    first, second = start("first"), start("second")
    token = get(first, "token?id=ann")
    url = first.url.replace("http", "ws", 1)
    with connect(f"{url}_ah/channel/socket?token={token}") as page:
        assert "id" in json.loads(page.recv(20))
        await_condition(lambda: log.read_text().splitlines() == ["c ann"])
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    # As a container: its folder is gone with it, and so is its name.
    shutil.rmtree(tmp_path / "first")
    third = start("third")
    await_condition(lambda: log.read_text().splitlines() == ["c ann", "d ann"], 90)
    for each in (second, third):
        assert each.stop() == 0
        assert "Traceback" not in each.output
    assert log.read_text().splitlines() == ["c ann", "d ann"]
