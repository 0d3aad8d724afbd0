"""The files of `channelshim deploy` under the programs that they are for.

One server of the tutorial's app, by the command of the written unit and on a socket as
systemd hands over; in front of it nginx, Caddy and HAProxy, each by its own file, with
a certificate of the tests' own authority.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from channelshim.cli.project import write_tutorial_app
from channelshim.deploy.deployment import Deployment
from channelshim.deploy.files import make_files
from tests.authority import Authority
from tests.deploy.fronts import Front, command_of, running
from tests.deploy.making import DOMAIN, deployment
from tests.deploy.person import ANN, PASSWORD, Person
from tests.deploy.units import words_of
from tests.lanes import ROOT, find_proxy, timeout_factor
from tests.ports import free_port
from tests.programs import Program
from tests.programs import running as running_program
from tests.visitor import Visitor

pytestmark = pytest.mark.proxies

ACTIVATION = str(ROOT / "tests" / "activation.py")
COMMAND = (sys.executable, "-m", "channelshim")


@dataclass(frozen=True)
class Served:
    """A running app.

    Attributes:
        port: where it listens.
        unit: of systemd, with its data in a folder of the tests'.
        program: the server.
    """

    port: int
    unit: str
    program: Program


def text_of(target: str, made: Deployment, ending: str = "") -> str:
    """Return a written file: the first, or the one with an ending."""
    found = [each for each in make_files(target, made) if each.name.endswith(ending)]
    return found[0].content.decode("utf-8")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("an app's folder, $HOME & 100%")
    write_tutorial_app(folder / "chat")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        port = listener.getsockname()[1]
        made = deployment(
            app_dir=folder / "chat",
            domain=DOMAIN,
            port=port,
            admins=(ANN,),
            facts={"command": COMMAND},
        )
        unit = text_of("systemd", made, ".service")
        data = tmp_path_factory.mktemp("data")
        unit = unit.replace("/var/lib/chat", str(data / "store"))
        unit = unit.replace("/var/cache/chat", str(data / "cache"))
        subprocess.run(
            [
                *(*COMMAND, "accounts", "add", ANN, str(folder / "chat")),
                *(f"--storage-path={data / 'store'}", "--application=chat-1a2b"),
            ],
            input=PASSWORD + "\n",
            text=True,
            check=True,
            cwd=ROOT,
            timeout=60 * timeout_factor(),
        )
        command = [sys.executable, ACTIVATION, str(listener.fileno()), *words_of(unit)]
        fds = (listener.fileno(),)
        with running_program(command, data, pass_fds=fds) as program:
            program.wait_for_url()
            yield Served(port, unit, program)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), DOMAIN)


@pytest.fixture(scope="module", params=["nginx", "caddy", "haproxy"])
def front(
    request: pytest.FixtureRequest,
    served: Served,
    authority: Authority,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp(request.param)
    files: dict[str, Any] = {
        "certificate": str(authority.certificate),
        "certificate_key": str(authority.key),
    }
    if request.param == "haproxy":
        both = folder / "both.pem"
        both.write_text(authority.certificate.read_text() + authority.key.read_text())
        files = {"certificate": str(both)}
    made = deployment(request.param, domain=DOMAIN, port=served.port, **files)
    made = replace(made, http_port=free_port(), https_port=free_port())
    started = Front(DOMAIN, made.https_port, made.http_port, authority.client())
    with running(request.param, text_of(request.param, made), folder, started) as found:
        yield found


@pytest.fixture(scope="module")
def ann(front: Front) -> Person:
    """Return somebody who has logged in: an address may try only some passwords."""
    person = Person(front)
    assert person.log_in().status == 303
    return person


def test_person_logs_in_and_chats_by_a_websocket(front: Front) -> None:
    ann = Person(front)
    # The app sends who is unknown to the login, over https.
    answer = ann.ask("/")
    assert answer.status == 302
    assert answer.headers["Location"].startswith(front.origin + "/_ah/login?")
    assert ann.log_in("a wrong one").status == 422
    answer = ann.log_in()
    assert answer.status == 303
    assert "; Secure" in answer.headers["Set-Cookie"]
    with ann.listen() as channel:
        assert set(json.loads(channel.recv(60 * timeout_factor()))) == {"id"}
        ann.ask("/chat", "Grüße 👋")
        assert channel.recv(60 * timeout_factor()) == f"{ANN}: Grüße 👋"


def test_page_without_websockets_polls(ann: Person) -> None:
    poll = f"/_ah/channel/poll?token={ann.token()}"
    first = json.loads(ann.ask(f"{poll}&wait=0").text)
    ann.ask("/chat", "hello")
    found = json.loads(ann.ask(f"{poll}&wait=20&after={first['id']}").text)
    assert found["messages"] == [f"{ANN}: hello"]


def test_http_leads_to_https(front: Front) -> None:
    answer = front.ask_in_the_clear("/static/main.js?a=1&b=%20")
    assert answer.status in (301, 308)
    # Caddy's https port is one that others see as 443.
    own = f"https://{DOMAIN}"
    location = answer.headers["Location"].replace(front.origin, own)
    assert location == f"{own}/static/main.js?a=1&b=%20"


def test_visitor_cannot_say_who_or_where_he_is(front: Front, served: Served) -> None:
    forged = {
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Email": ANN,
        "X-AppEngine-QueueName": "default",
        "X-AppEngine-User-Is-Admin": "1",
    }
    for path in ("/_ah/channel/connected/", "/_ah/channel/disconnected/"):
        answer = front.ask(path, "from=1", {**forged, "X-Forwarded-For": "0.1.0.10"})
        assert answer.status == 403
    answer = front.ask("/", None, forged)
    # Nobody is logged in, and the scheme is the proxy's word.
    assert answer.status == 302
    assert answer.headers["Location"].startswith("https://")


def test_page_of_another_site_opens_no_channel(front: Front, ann: Person) -> None:
    answer = front.ask(
        f"/_ah/channel/socket?token={ann.token()}",
        None,
        {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Origin": "https://elsewhere.example",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        },
    )
    assert answer.status == 403


def test_large_body_passes(ann: Person) -> None:
    # More than nginx takes by default.
    assert ann.ask("/", "x" * (2 << 20)).status == 405


def test_caddy_takes_the_files_of_compose(tmp_path: Path) -> None:
    for grow in (None, True):
        made = deployment("compose", domain=DOMAIN, grow=grow)
        file = tmp_path / "Caddyfile"
        file.write_text(text_of("compose", made, "Caddyfile"))
        program = find_proxy("caddy")
        assert program is not None
        subprocess.run(
            [program, "validate", "--adapter", "caddyfile", "--config", str(file)],
            check=True,
            env={"HOME": str(tmp_path), "PATH": ""},
            timeout=60 * timeout_factor(),
        )


def test_gunicorn_serves_the_app(tmp_path: Path) -> None:
    write_tutorial_app(tmp_path / "it's chat")
    made = deployment("gunicorn", tmp_path / "it's chat", domain=DOMAIN)
    for each in make_files("gunicorn", made):
        text = each.content.decode().replace("/var/", f"{tmp_path}/var/")
        (tmp_path / each.name).write_text(text.replace(":8080", ":0"))
    command = [sys.executable, "-m", "gunicorn"]
    with running_program(command, tmp_path) as program:
        visitor = Visitor(program.wait_for_url())
        assert visitor.ask("/static/main.js").status == 200
        # The real login, and not the one for development.
        assert 'type="password"' in visitor.ask("/_ah/login").text
    assert (tmp_path / "var/lib/chat").is_dir()


# --- systemd --------------------------------------------------------------------------


def tool(*command: str, check: bool = True) -> str:
    """Run a program of systemd's; return what it says."""
    program = find_proxy(command[0])
    assert program is not None
    done = subprocess.run(
        [program, *command[1:]],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60 * timeout_factor(),
    )
    assert done.returncode == 0 or not check, done.stdout
    return done.stdout


@pytest.fixture(params=["$HOME, 100%:here", """a "quoted" $HOME, 100% it's\\:here"""])
def awkward(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    """Return the deployment of an app, by a program with as odd a name as its own."""
    folder = tmp_path / str(request.param)
    folder.mkdir()
    program = folder / "channelshim"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return deployment(
        app_dir=folder,
        domain=DOMAIN,
        facts={"command": (str(program),), "own_folders": (folder,)},
    )


def written(made: Deployment, folder: Path) -> Path:
    folder.mkdir()
    for each in make_files("systemd", made):
        (folder / each.name).write_bytes(each.content)
    return folder


@pytest.mark.parametrize("login", ["accounts", "oidc"])
def test_systemd_understands_the_units(
    awkward: Deployment, tmp_path: Path, login: str
) -> None:
    made = replace(awkward, login=login, oidc_issuer="https://x", oidc_client_id="%i")
    folder = written(made, tmp_path / "units")
    # It says what it ignores, does not know, or cannot find: the program too.
    said = tool(
        *("systemd-analyze", "verify", "--man=no", "--recursive-errors=no"),
        *(str(folder / "chat.service"), str(folder / "chat.socket")),
    )
    own = [line for line in said.splitlines() if "chat." in line]
    assert own == []


def test_systemd_finds_what_is_wrong_with_a_unit(tmp_path: Path) -> None:
    made = deployment(facts={"command": (f"{tmp_path}/100%/channelshim",)})
    unit = written(made, tmp_path / "units") / "chat.service"
    said = tool("systemd-analyze", "verify", "--man=no", str(unit), check=False)
    # Whatever the quotes and the percents are, it is this path that it looks for.
    assert f"{tmp_path}/100%/channelshim is not executable" in said


def test_sandbox_of_the_unit_is_tight(awkward: Deployment, tmp_path: Path) -> None:
    folder = written(awkward, tmp_path / "units")
    # 10 is without any protection; over the threshold is a failure.
    said = tool(
        *("systemd-analyze", "security", "--offline=true", "--threshold=20"),
        str(folder / "chat.service"),
    )
    found = re.search(r"Overall exposure level for chat.service: (\d\.\d)", said)
    assert found, said


def test_user_and_folders_are_made(awkward: Deployment, tmp_path: Path) -> None:
    folder = written(replace(awkward, user="chat"), tmp_path / "units")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    tool("systemd-sysusers", f"--root={root}", str(folder / "chat.sysusers.conf"))
    (user,) = (
        line
        for line in (root / "etc/passwd").read_text().splitlines()
        if line.startswith("chat:")
    )
    assert user.endswith(":/var/lib/chat:/usr/sbin/nologin")
    tool(
        *("systemd-tmpfiles", "--create", f"--root={root}"),
        str(folder / "chat.tmpfiles.conf"),
    )
    assert (root / "var/lib/chat").stat().st_mode & 0o777 == 0o700
    assert (root / "etc/chat").stat().st_mode & 0o777 == 0o700
    assert str((root / "var/lib/chat").stat().st_uid) == user.split(":")[2]


def test_socket_unit_is_where_the_proxies_look(awkward: Deployment) -> None:
    made = replace(awkward, port=9123)
    assert "ListenStream=127.0.0.1:9123\n" in text_of("systemd", made, ".socket")
    assert "server 127.0.0.1:9123;" in text_of("nginx", made)


def test_broken_file_of_a_proxy_is_noticed(tmp_path: Path) -> None:
    """Show that the tests above would see a fault: these programs read their files."""
    command = command_of("haproxy", "frontend x\n    bindd :0\n", tmp_path)
    done = subprocess.run(
        [*command, "-c"],
        capture_output=True,
        check=False,
        timeout=60 * timeout_factor(),
    )
    assert done.returncode != 0
