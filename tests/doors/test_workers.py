"""`--workers`: a front and app processes, with real kills."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import signal
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from channelshim.composition.app_slot import MOST_ENDS
from tests import programs
from tests.conftest import await_condition
from tests.lanes import ROOT, timeout_factor
from tests.lines import connect
from tests.redis_servers import RedisServer
from tests.servers import Server, Servers

APPS = Path(__file__).parent / "apps"
PATIENCE_SECONDS = 20.0
LINE_SECONDS = PATIENCE_SECONDS * timeout_factor()

Until = Callable[..., Any]


def get(server: Server, path: str) -> str:
    with urllib.request.urlopen(server.url + path) as answer:
        text: str = answer.read().decode("utf-8")
        return text


def post(server: Server, path: str, body: bytes = b"") -> str:
    with urllib.request.urlopen(server.url + path, body) as answer:
        text: str = answer.read().decode("utf-8")
        return text


def status_of(server: Server, path: str) -> int:
    try:
        with urllib.request.urlopen(server.url + path) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@contextlib.contextmanager
def page(server: Server, client_id: str) -> Iterator[ClientConnection]:
    token = get(server, f"token?id={client_id}")
    url = server.url.replace("http", "ws")
    with connect(f"{url}_ah/channel/socket?token={token}", max_queue=None) as found:
        assert "id" in json.loads(found.recv(LINE_SECONDS))
        yield found


def pids(server: Server, count: int = 2) -> set[int]:
    """Return the processes that answer, once there are so many."""
    found: set[int] = set()

    def look() -> bool:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = pool.map(lambda _: get(server, "pid?seconds=0.05"), range(4))
            found.clear()
            found.update(int(answer) for answer in answers)
        return len(found) >= count

    await_condition(look, PATIENCE_SECONDS)
    return found


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that nobody has waited for is still there.
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def have_ended(found: set[int]) -> bool:
    return not any(is_alive(pid) for pid in found)


@pytest.fixture
def crew(server: Servers) -> Server:
    return server(APPS / "crew", "--workers=2", "--automatic_restart=no")


@pytest.fixture
def own_crew(tmp_path: Path) -> Path:
    folder = tmp_path / "crew"
    shutil.copytree(APPS / "crew", folder)
    return folder


def test_app_runs_in_processes_of_its_own(crew: Server, wait_until: Until) -> None:
    found = pids(crew)
    assert len(found) == 2
    assert crew.process.pid not in found

    # A page is connected to the front, whichever process makes its token.
    with page(crew, "ann") as ann:
        wait_until(lambda: "ann connected" in get(crew, "notes"))
        for number in range(8):
            assert post(crew, f"send?id=ann&text=text{number}") == "sent"
        texts = [ann.recv(LINE_SECONDS) for _ in range(8)]
        assert texts == [f"text{number}" for number in range(8)]
        get(crew, "background")
        assert ann.recv(LINE_SECONDS) == "from the background"

    # What is in the store is everybody's.
    assert [post(crew, "count") for _ in range(6)] == list("123456")
    get(crew, "task")
    wait_until(lambda: "from a task" in get(crew, "notes"))

    assert get(crew, "static/file.txt") == "a file\n"
    body = b"x" * 3_000_000
    assert post(crew, "upload", body) == "3000000 0"

    # What a process logs carries its number.
    get(crew, "slow?seconds=0")
    line = re.compile(r"app-[12] crew.py:\d+\].*the handler has begun")
    wait_until(lambda: line.search(crew.output))

    # The console is the front's, and shows what they log.
    console = re.search(r"Its console is at (\S+)", crew.output)
    assert console is not None
    get(crew, "broken")

    def logs() -> str:
        with urllib.request.urlopen(f"{console[1]}logs") as answer:
            text: str = answer.read().decode("utf-8")
            return text

    wait_until(lambda: "what the console shows" in logs())

    assert crew.stop(signal.SIGTERM) == 0
    assert "Traceback" not in crew.output
    assert have_ended(found)


def test_settings_in_variables_are_not_the_apps(server: Servers) -> None:
    secret = "a secret that signs and is long enough"
    running = server(
        APPS / "crew",
        "--workers=2",
        "--automatic_restart=no",
        env={"CHANNELSHIM_SIGNING_SECRETS": secret, "OWN_VARIABLE": "is there"},
    )
    variables = get(running, "variables")
    assert "CHANNELSHIM_SIGNING_SECRETS" not in variables
    assert secret not in variables
    assert "OWN_VARIABLE=is there" in variables
    # They hold all the same.
    assert get(running, "token?id=ann")


def test_interrupt_does_not_wait_for_a_handler(crew: Server, wait_until: Until) -> None:
    found = pids(crew)
    threading.Thread(
        target=status_of, args=(crew, "slow?seconds=60"), daemon=True
    ).start()
    wait_until(lambda: "the handler has begun" in crew.output)
    assert crew.stop(signal.SIGINT) == 0
    assert "Traceback" not in crew.output
    assert have_ended(found)


def test_stop_lets_a_request_end(crew: Server, wait_until: Until) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(get, crew, "slow?seconds=1")
        wait_until(lambda: "the handler has begun" in crew.output)
        assert crew.stop(signal.SIGTERM) == 0
        assert asked.result() == "done"


def test_processes_end_with_their_front(crew: Server, wait_until: Until) -> None:
    found = pids(crew)
    crew.process.kill()
    crew.process.wait()
    wait_until(lambda: have_ended(found))


class Posters:
    """Posts numbered messages to a page until the end of a `with` block.

    Args:
        server: to post to.
        count: how many at once.
    """

    def __init__(self, server: Server, count: int) -> None:
        self._server = server
        self._has_to_end = threading.Event()
        self.answered: list[list[str]] = [[] for _ in range(count)]
        self.failed: list[int] = []
        self._threads = [
            threading.Thread(target=self._post, args=(number,), daemon=True)
            for number in range(count)
        ]

    def __enter__(self) -> Posters:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._has_to_end.set()
        for thread in self._threads:
            thread.join(LINE_SECONDS)

    def _post(self, number: int) -> None:
        turn = 0
        while not self._has_to_end.is_set():
            turn += 1
            text = f"{number}:{turn}"
            try:
                post(self._server, f"send?id=ann&text={text}")
            except urllib.error.HTTPError as error:
                self.failed.append(error.code)
            else:
                self.answered[number].append(text)


def test_nothing_that_was_answered_is_lost_by_kills(
    crew: Server, wait_until: Until
) -> None:
    kills = 6
    with page(crew, "ann") as ann:
        with Posters(crew, 4) as posters:

            def has_more(count: int) -> bool:
                return sum(map(len, posters.answered)) > count

            # Fewer ends of one process than make the server give up.
            for _ in range(kills):
                before = sum(map(len, posters.answered))
                await_condition(partial(has_more, before + 40), PATIENCE_SECONDS)
                found = pids(crew)
                get(crew, "task")
                os.kill(sorted(found)[0], signal.SIGKILL)
        assert set(posters.failed) <= {502}
        post(crew, "send?id=ann&text=the%20end")
        texts: list[str] = []
        while not texts or texts[-1] != "the end":
            texts.append(str(ann.recv(LINE_SECONDS)))
    assert len(texts) == len(set(texts)), "twice"
    for number, answered in enumerate(posters.answered):
        assert len(answered) > 20
        own = [text for text in texts if text.startswith(f"{number}:")]
        # One that was not answered may have been sent all the same.
        assert [text for text in own if text in set(answered)] == answered
    assert crew.prints("was ended by SIGKILL")
    wait_until(lambda: get(crew, "notes").count("from a task") >= kills)


@pytest.mark.redis
@pytest.mark.slow
def test_outage_of_memcache_ends_no_server(own_crew: Path, server: Servers) -> None:
    redis = RedisServer()
    try:
        crew = server(own_crew, "--workers=2", f"--memcache={redis.url}")
        before = pids(crew)
        redis.kill()
        for each in before:
            os.kill(each, signal.SIGKILL)
        # Each failure takes the seconds for which a Redis is waited for at a start.
        most = 2 * MOST_ENDS + 2
        await_condition(lambda: crew.output.count("memcache: ") >= most, 120)
        redis.start()
        await_condition(lambda: status_of(crew, "pid") == 200, 60)
        assert not before & pids(crew)
    finally:
        redis.close()


def test_process_that_does_not_live_ends_the_server(own_crew: Path) -> None:
    source = (own_crew / "crew.py").read_text("utf-8")
    dying = (
        "import gc, threading\n"
        "def die():\n"
        "    while not gc.get_freeze_count():\n"
        "        time.sleep(0.01)\n"
        "    time.sleep(0.3)\n"
        "    os._exit(7)\n"
        "threading.Thread(target=die).start()\n"
    )
    (own_crew / "crew.py").write_text(source + dying, "utf-8")
    server = Server(
        own_crew,
        own_crew.parent / "data",
        ("--workers=2", "--automatic_restart=no"),
        {},
    )
    try:
        # Each start of a process takes its time.
        await_condition(lambda: server.process.poll() is not None, 6 * PATIENCE_SECONDS)
        assert server.process.returncode == 1
        server.stop()
        assert re.search(
            r"app process [12] has ended 5 times within 10 s of its life, so the "
            r"server gives up; the last time: app process [12] has ended by itself, "
            r"with status 7",
            server.output,
        )
    finally:
        server.stop()


def test_hangup_replaces_the_processes_one_by_one(
    own_crew: Path, server: Servers, wait_until: Until
) -> None:
    running = server(own_crew, "--workers=2", "--automatic_restart=no")
    before = pids(running)
    word, version = get(running, "word").split()
    assert word == "first"
    with page(running, "ann") as ann:
        (own_crew / "words.py").write_text('WORD = "second"\n', "utf-8")
        with Posters(running, 2) as posters:
            running.process.send_signal(signal.SIGHUP)
            wait_until(
                lambda: "all app processes run the app as it is now" in running.output,
                # Each is a start of Python and of the app, one after the other.
                6 * PATIENCE_SECONDS,
            )
        assert posters.failed == []
        # Neither was the page told to come back, nor has it missed anything.
        count = sum(map(len, posters.answered))
        texts = [str(ann.recv(LINE_SECONDS)) for _ in range(count)]
        assert sorted(texts) == sorted(
            text for each in posters.answered for text in each
        )
    assert not before & pids(running)
    new_word, new_version = get(running, "word").split()
    assert new_word == "second"
    assert new_version > version
    assert have_ended(before)


def test_hangup_with_a_broken_app_changes_nothing(
    own_crew: Path, server: Servers, wait_until: Until
) -> None:
    running = server(own_crew, "--workers=2", "--automatic_restart=no")
    before = pids(running)
    (own_crew / "words.py").write_text("WORD = 1 / 0\n", "utf-8")
    running.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "it goes on as it was before" in running.output)
    assert running.prints("ZeroDivisionError")
    assert pids(running) == before


def test_hangup_after_a_change_of_app_yaml_starts_anew(
    own_crew: Path, server: Servers, wait_until: Until
) -> None:
    running = server(own_crew, "--workers=2", "--automatic_restart=no")
    (own_crew / "static" / "more").mkdir()
    (own_crew / "static" / "more" / "more.txt").write_text("more", "utf-8")
    text = (own_crew / "app.yaml").read_text("utf-8")
    more = "handlers:\n- url: /more\n  static_dir: static/more\n"
    (own_crew / "app.yaml").write_text(text.replace("handlers:\n", more), "utf-8")
    assert status_of(running, "more/more.txt") == 404
    running.process.send_signal(signal.SIGHUP)
    wait_until(lambda: status_of(running, "more/more.txt") == 200)


def test_hangup_after_an_upgrade_starts_anew(
    own_crew: Path, server: Servers, wait_until: Until, tmp_path: Path
) -> None:
    # A copy, which can be installed anew.
    place = tmp_path / "site"
    shutil.copytree(ROOT / "channelshim", place / "channelshim")
    running = server(
        own_crew,
        *("--workers=2", "--automatic_restart=no"),
        env={"PYTHONPATH": str(place)},
        prefix=("env", "-C", str(place)),
    )
    front = (place / "channelshim" / "version.py").read_text("utf-8")
    newer = tmp_path / "version.py"
    newer.write_text(front.replace('"0.', '"99.'), "utf-8")
    newer.replace(place / "channelshim" / "version.py")
    before = pids(running)
    with Posters(running, 2) as posters:
        running.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "SIGHUP: reloading" in running.output)
        counts = [len(each) for each in posters.answered]
        for place_of, count in enumerate(counts):
            wait_until(
                lambda place_of=place_of, count=count: (
                    len(posters.answered[place_of]) > count
                ),
                60,
            )
    assert posters.failed == []
    assert not before & pids(running)


def test_change_of_a_file_reloads_all(
    own_crew: Path, server: Servers, wait_until: Until
) -> None:
    with (own_crew / "app.yaml").open("a") as file:
        file.write("libraries:\n- name: wonders\n  version: latest\n")
        file.write("- name: brought\n  version: latest\n")
    # In a folder that only a process finds which has loaded the app.
    (own_crew / "others" / "brought").mkdir(parents=True)
    (own_crew / "others" / "brought" / "__init__.py").touch()
    (own_crew / "appengine_config.py").write_text(
        "import sys\nsys.path.append('others')\n"
    )
    (own_crew / "cron.yaml").write_text("cron: 1\n")
    running = server(own_crew, "--workers=2")
    pids(running)
    (own_crew / "words.py").write_text("WORD = 1 / 0\n", "utf-8")
    wait_until(lambda: status_of(running, "word") == 500)
    (own_crew / "words.py").write_text('WORD = "mended"\n', "utf-8")
    wait_until(lambda: status_of(running, "word") == 200)
    assert get(running, "word").startswith("mended ")
    # One process has said so for all, and for those before it.
    for words in ("the library wonders, which", "cron jobs are off, and could not"):
        assert running.output.count(words) == 1
    assert "brought" not in running.output


@pytest.mark.parametrize("path", ["slow?seconds=600", "stuck"])
def test_handler_that_does_not_end_costs_its_process(
    server: Servers, path: str
) -> None:
    running = server(
        APPS / "crew",
        "--workers=2",
        "--automatic_restart=no",
        "--request_deadline_seconds=2",
    )
    before = pids(running)
    # In C, where no exception reaches it.
    assert status_of(running, path) == 500
    await_condition(lambda: len(pids(running) - before) == 1, PATIENCE_SECONDS)
    await_condition(lambda: sum(is_alive(pid) for pid in before) == 1, PATIENCE_SECONDS)


def test_threadsafe_false_is_one_request_in_each_process(
    own_crew: Path, server: Servers
) -> None:
    text = (own_crew / "app.yaml").read_text("utf-8")
    text = text.replace("threadsafe: true", "threadsafe: false")
    (own_crew / "app.yaml").write_text(text, "utf-8")
    running = server(own_crew, "--workers=2", "--automatic_restart=no")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: get(running, "busy"), range(24)))
    assert set(answers) == {"1"}


def test_each_process_is_an_instance_of_a_module_that_stays(
    own_crew: Path, server: Servers, wait_until: Until
) -> None:
    with (own_crew / "app.yaml").open("a", encoding="utf-8") as file:
        file.write("manual_scaling:\n  instances: 1\n")
    running = server(own_crew, "--workers=2", "--automatic_restart=no")
    wait_until(lambda: running.output.count(": start\n") == 2)
    assert running.stop(signal.SIGTERM) == 0
    for number in (0, 1):
        for what in ("start", "stop"):
            assert running.output.count(f"instance {number}: {what}\n") == 1


def test_modules_of_a_folder_share_the_processes(
    own_crew: Path, server: Servers, wait_until: Until
) -> None:
    text = (own_crew / "app.yaml").read_text("utf-8")
    (own_crew / "worker.yaml").write_text(f"module: worker\n{text}", "utf-8")
    running = server(
        own_crew / "app.yaml",
        str(own_crew / "worker.yaml"),
        "--workers=2",
        "--automatic_restart=no",
    )
    wait_until(lambda: "module worker is running" in running.output)
    found = re.search(r"module worker is running at (\S+)", running.output)
    assert found is not None
    assert get(running, "module") == "default"
    for path, answer in (("module", "worker"), ("static/file.txt", "a file\n")):
        with urllib.request.urlopen(found[1] + path) as response:
            assert response.read().decode("utf-8") == answer


def test_program_may_serve_a_folder_so(tmp_path: Path) -> None:
    arguments = f"workers=2, port=0, storage_path={str(tmp_path / 'data')!r}"
    folder = str(APPS / "crew")
    program = f"import channelshim; channelshim.serve({folder!r}, {arguments})"
    with programs.running([sys.executable, "-c", program], tmp_path) as running:
        url = running.wait_for_url()
        with urllib.request.urlopen(f"{url}/pid") as response:
            assert int(response.read()) != running.process.pid


def test_programs_own_application_cannot_be_shared(tmp_path: Path) -> None:
    program = "import channelshim; channelshim.serve(lambda *_: [], workers=2, port=0)"
    with programs.running([sys.executable, "-c", program], tmp_path) as running:
        assert running.wait_for_end() == 1
        assert "workers take an app's folder, which each process loads" in (
            running.output
        )


def test_broken_app_is_told_in_a_sentence(own_crew: Path) -> None:
    (own_crew / "words.py").write_text("WORD = 1 / 0\n", "utf-8")
    server = Server(own_crew, own_crew.parent / "data", ("--workers=2",), {})
    await_condition(lambda: server.process.poll() is not None, PATIENCE_SECONDS)
    assert server.stop() == 1
    assert server.prints("words.py, line 1: crew.app cannot be imported")
    assert server.prints("WORD = 1 / 0")
    assert "channelshim/" not in server.output.replace(str(own_crew), "")
