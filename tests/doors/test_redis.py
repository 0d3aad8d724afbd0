"""Servers that share channels through a Redis, under each door."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.conftest import await_condition
from tests.doors.test_refusals import refusal
from tests.lanes import timeout_factor
from tests.lines import connect
from tests.ports import free_port
from tests.programs import running
from tests.redis_servers import RedisServer
from tests.servers import Server, Servers

pytestmark = pytest.mark.redis

APP = Path(__file__).parents[1] / "failures" / "apps" / "sender"
SECRET = "pa55word-of-redis"
PATIENCE_SECONDS = 20.0 * timeout_factor()

WRAPPED = f"""
import sys
sys.path.insert(0, {str(APP)!r})
import channelshim
channelshim.install(application="sender")
from sender import app
app = channelshim.wrap(app)
"""


def get(url: str, body: bytes | None = None) -> str:
    with urllib.request.urlopen(url, body, PATIENCE_SECONDS) as answer:
        return str(answer.read().decode("utf-8"))


def send(url: str, client_id: str, text: str) -> None:
    form = urllib.parse.urlencode({"to": client_id, "text": text})
    get(f"{url}send", form.encode("ascii"))


def page(server: Server, token: str, after: int | None = None) -> ClientConnection:
    query = f"token={token}" + ("" if after is None else f"&after={after}")
    url = server.url.replace("http", "ws", 1)
    return connect(f"{url}_ah/channel/socket?{query}", close_timeout=1)


def number_of(socket: ClientConnection) -> int:
    return int(json.loads(socket.recv(PATIENCE_SECONDS))["id"])


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


def start(servers: Servers, url: str, folder: Path, *arguments: str) -> Server:
    return servers(
        APP,
        f"--broker={url}",
        "--automatic_restart=no",
        *arguments,
        storage_path=folder / "store",
        env={"SENDER_LOG": str(folder / "log")},
    )


def test_two_servers_share_channels_and_presence(
    redis_server: RedisServer, server: Servers, tmp_path: Path
) -> None:
    app = "--application=two-servers"
    first = start(server, redis_server.url, tmp_path, app, "--grace_seconds=2")
    second = start(server, redis_server.url, tmp_path, app, "--grace_seconds=2")
    # One store, so that tokens are good at both.
    token = get(f"{first.url}token?id=a")
    with page(second, token) as socket:
        number = number_of(socket)
        send(first.url, "a", "from the other")
        assert socket.recv(PATIENCE_SECONDS) == "from the other"
    send(second.url, "a", "while away")
    with page(first, token, number + 1) as socket:
        assert number_of(socket) == number + 1
        assert socket.recv(PATIENCE_SECONDS) == "while away"
    log = tmp_path / "log"
    await_condition(lambda: log.read_text().split() == ["c", "a", "d", "a"])
    assert second.stop() == 0
    # The old wire and polls.
    token = get(f"{first.url}token?id=b")
    third = start(server, redis_server.url, tmp_path, app)
    wire = f"{third.url}_ah/channel/dev?channel={token}&command="
    assert get(f"{wire}connect") == "1"
    send(first.url, "b", "polled")
    assert await_condition(lambda: get(f"{wire}poll")) == "polled"
    poll = json.loads(get(f"{third.url}_ah/channel/poll?token={token}&wait=0"))
    assert poll["messages"] == []
    send(first.url, "b", "again")
    poll = json.loads(
        get(f"{third.url}_ah/channel/poll?token={token}&after={poll['id']}&wait=5")
    )
    assert poll["messages"] == ["again"]


def test_worker_processes_of_gunicorn_share_channels(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    (tmp_path / "wsgi.py").write_text(WRAPPED)
    command = [sys.executable, "-m", "gunicorn", "--workers=3", "--threads=4"]
    variables = {
        "CHANNELSHIM_BROKER": redis_server.url,
        "CHANNELSHIM_STORAGE_PATH": str(tmp_path / "store"),
        "SENDER_LOG": str(tmp_path / "log"),
    }
    with running(
        [*command, "--bind=127.0.0.1:0", "wsgi:app"], tmp_path, variables
    ) as program:
        url = program.wait_for_url() + "/"
        token = get(f"{url}token?id=a")
        poll = f"{url}_ah/channel/poll?token={token}"
        number = json.loads(get(f"{poll}&wait=0"))["id"]
        got: list[str] = []
        for count in range(30):
            send(url, "a", f"text {count}")
        # Whichever worker answers.
        while len(got) < 30:
            answer = json.loads(get(f"{poll}&after={number}&wait=1"))
            got += answer["messages"]
            number = answer["id"]
        assert got == [f"text {count}" for count in range(30)]
        workers = _children(program.process.pid)
        assert len(workers) == 3
        log = (tmp_path / "log").read_text().split()
        assert log == ["c", "a"]
        assert "Traceback" not in program.output


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_server_says_when_redis_is_away_and_waits_for_it(
    own_redis: RedisServer, server: Servers, tmp_path: Path
) -> None:
    served = start(server, own_redis.url, tmp_path)
    token = get(f"{served.url}token?id=a")
    with page(served, token) as socket:
        number_of(socket)
        own_redis.kill()
        answered: list[str] = []

        def send_late() -> None:
            send(served.url, "a", "late")
            answered.append("late")

        sending = threading.Thread(target=send_late)
        sending.start()
        await_condition(lambda: "is away" in served.output)
        own_redis.start()
        assert socket.recv(PATIENCE_SECONDS) == "late"
        sending.join(PATIENCE_SECONDS)
        assert answered == ["late"]
        await_condition(lambda: "is back" in served.output)
    assert served.stop() == 0
    assert "Traceback" not in served.output


def test_pages_are_refused_while_a_server_is_cut_off(
    own_redis: RedisServer, server: Servers, tmp_path: Path
) -> None:
    served = start(server, own_redis.url, tmp_path)
    token = get(f"{served.url}token?id=a")
    with page(served, token) as socket:
        number_of(socket)
        own_redis.kill()
        with pytest.raises(ConnectionClosed, match="1012"):
            socket.recv(PATIENCE_SECONDS)
    with pytest.raises(urllib.error.HTTPError) as raised:
        get(f"{served.url}_ah/channel/poll?token={token}&wait=0")
    assert raised.value.code == 503
    # An app hears of it as of any error of the channel's.
    with pytest.raises(urllib.error.HTTPError) as raised:
        get(f"{served.url}token?id=b")
    assert raised.value.code == 500
    own_redis.start()

    def comes_back() -> bool:
        try:
            with page(served, token) as again:
                return number_of(again) > 0
        except Exception:
            return False

    await_condition(comes_back, 20)
    assert served.stop() == 0


# --- What a person gets wrong ---------------------------------------------------------


def test_password_on_the_command_line_is_refused(tmp_path: Path) -> None:
    sentence = refusal(str(APP), f"--broker=redis://:{SECRET}@localhost")
    assert "CHANNELSHIM_BROKER" in sentence
    assert "--broker_file" in sentence
    assert SECRET not in sentence


def test_password_shows_nowhere(server: Servers, tmp_path: Path) -> None:
    port = free_port()
    redis = RedisServer("--port", str(port), "--requirepass", SECRET)
    file = tmp_path / "url"
    file.write_text(f"redis://:{SECRET}@127.0.0.1:{port}/2\n")
    try:
        served = start_with_file(server, file, tmp_path)
        token = get(f"{served.url}token?id=a")
        with page(served, token) as socket:
            number_of(socket)
            redis.kill()
            await_condition(lambda: "is away" in served.output)
        shown = subprocess.run(
            ["ps", "-eo", "args"], check=True, capture_output=True, text=True
        ).stdout
        own = [line for line in shown.splitlines() if "channelshim" in line]
        assert own
        assert not any(SECRET in line for line in own)
        served.stop()
        assert SECRET not in served.output
    finally:
        redis.close()


def start_with_file(servers: Servers, file: Path, folder: Path) -> Server:
    return servers(
        APP,
        f"--broker_file={file}",
        "--automatic_restart=no",
        storage_path=folder / "store",
        env={"SENDER_LOG": str(folder / "log")},
    )


def test_redis_of_the_wrong_kind_is_told_in_one_sentence(tmp_path: Path) -> None:
    redis = RedisServer("--maxmemory-policy", "allkeys-lru")
    try:
        said = refusal(
            *(str(APP), f"--broker={redis.url}", f"--storage_path={tmp_path}"),
            *("--port=0", "--admin_port=0"),
        )
    finally:
        redis.close()
    assert "set it to volatile-ttl" in said


def test_memcache_of_several_servers_is_one(
    redis_server: RedisServer, server: Servers, tmp_path: Path
) -> None:
    source = tmp_path / "app"
    source.mkdir()
    (source / "app.yaml").write_text(
        "runtime: python312\nhandlers:\n- url: /.*\n  script: main.app\n"
    )
    (source / "main.py").write_text(
        "from google.appengine.api import memcache\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [str(memcache.incr('n', initial_value=0)).encode('ascii')]\n"
    )
    arguments: Any = (f"--memcache={redis_server.url}", "--automatic_restart=no")
    first, second = (
        server(source, *arguments, storage_path=tmp_path / name) for name in "ab"
    )
    assert [get(each.url) for each in (first, second, first)] == ["1", "2", "3"]
